"""What every role (`care serve`, `care work`, `care web`) does alike: read its environment, run, and log."""
