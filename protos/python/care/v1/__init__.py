"""The package `care.v1`, generated from `protos/care/v1` by `make proto`; import its modules by name."""
