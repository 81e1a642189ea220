"""All texts that customers read: one message catalog per language, each of the type `Catalog`."""
