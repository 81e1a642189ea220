"""Development parts, not for production: the embedded stack, the practice review site and mailbox, the demo."""
