"""Programs that embed Care's workflows; `docs/embedding.md` explains them."""
