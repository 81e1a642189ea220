"""`CareClient` offers every service of the contract."""

import importlib
import pkgutil

import care.v1
from care_client.client import CareClient


async def test_each_service_has_a_stub() -> None:
    modules = [module.name for module in pkgutil.iter_modules(care.v1.__path__) if module.name.endswith("_pb2_grpc")]
    services = {
        name
        for module in modules
        for name in vars(importlib.import_module(f"care.v1.{module}"))
        if name.endswith("ServiceStub")
    }
    async with CareClient.connect("127.0.0.1:1") as client:
        stubs = {type(value).__name__ for value in vars(client).values()} - {"Channel"}
    assert stubs == services
