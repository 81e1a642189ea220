"""The local mailbox: accepts every email that the worker sends, delivers none, and shows all to the developer."""
