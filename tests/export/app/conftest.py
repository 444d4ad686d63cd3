import pytest

from export.app.node import Node, need_node


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """The scripts of pages under node."""
    need_node()
    return Node(tmp_path_factory.mktemp("scripts"))
