"""Tests of the local review site and its adapter: the real app, over HTTP."""
