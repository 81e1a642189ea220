"""Bearer tokens: fetches the issuer's keys, verifies tokens with them, and reads the caller from the claims."""
