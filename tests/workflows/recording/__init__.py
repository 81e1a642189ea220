"""Records how each path of Care's workflows goes, as histories that later code has to replay: see `__main__`."""
