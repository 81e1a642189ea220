"""The local review site: shows reviews and replies as a public review site would. For development."""
