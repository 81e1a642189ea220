"""Tests of `care_client`."""
