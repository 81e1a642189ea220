"""Parts for development, not for production: the embedded stack, the local review site, the local mailbox, the demo."""
