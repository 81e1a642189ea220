"""Bearer tokens: the keys that they are verified with, where those come from, and what their claims mean."""
