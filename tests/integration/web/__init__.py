"""Tests of the customer's pages over a real gRPC connection to a small CustomerService."""
