"""Programs that embed Care's workflows; `docs/embedding.md` walks through them."""
