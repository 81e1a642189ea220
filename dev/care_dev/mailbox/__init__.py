"""The local mailbox: takes every email that the worker sends, delivers none, and shows them to the developer."""
