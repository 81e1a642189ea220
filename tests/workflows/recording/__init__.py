"""Records each path of Care's workflows as a history that later code must replay. See `__main__`."""
