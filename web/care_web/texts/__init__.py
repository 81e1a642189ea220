"""Every word that a customer reads: one catalog for each language, all of the type `Catalog`."""
