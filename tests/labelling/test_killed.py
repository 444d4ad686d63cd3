"""Kills in the middle of writing, 60 of them: no label is lost, and none that was taken back is kept."""

import json

import pytest

import spawning
from command_line import rows_of
from labelling.served import write_texts

# Forks of one process answer, and take back every fifth answer, until they are killed at a random moment;
# what was confirmed before is on a pipe.
KILLED = """
import json, os, random, signal, sys, time
from pathlib import Path
from pellucid.labelling.pool import read_pool
from pellucid.labelling.session import Labelling
from pellucid.labelling.table import LabelTable
from pellucid.settings import Settings

place, out, kills = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
draws, pool = random.Random(0), read_pool(place, out, Settings())
confirmed, doubtful = {}, 0
for number in range(kills):
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        labelling = Labelling(pool, LabelTable(out, holds_texts=True))
        os.write(writer, b"open\\n")
        question = labelling.question("ann")
        while True:
            at, text = question["example"]["id"], question["example"]["text"]
            question = labelling.answer("ann", at, [text.split()[-1]])
            os.write(writer, f"+{text}\\n".encode())
            if draws.random() < 0.2:
                question = labelling.undo("ann")
                os.write(writer, f"-{text}\\n".encode())
    os.close(writer)
    said = os.read(reader, 5)
    time.sleep(draws.random() * 0.03)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as file:
        lines = (said + file.read()).decode().splitlines()[1:]
    for line in lines:
        (confirmed.__setitem__ if line[0] == "+" else lambda key, _: confirmed.pop(key))(line[1:], True)
    table = LabelTable(out, holds_texts=True)
    found = {row.text: row.labels for row in table.rows}
    assert len(found) == len(table.rows)
    assert all(labels == (text.split()[-1],) for text, labels in found.items())
    # The last answer, or the last undo, may have been on its way.
    lost, more = set(confirmed) - set(found), set(found) - set(confirmed)
    assert len(lost) <= 1 and len(more) <= 1 and len(lost | more) <= 1, (number, lost, more)
    assert not lost or lines and lines[-1] == f"+{next(iter(lost))}", (number, lost, lines[-1:])
    doubtful += bool(lost | more)
    confirmed = dict.fromkeys(found, True)
print(json.dumps({"confirmed": len(confirmed), "doubtful": doubtful}))
"""


@pytest.mark.slow
def test_nothing_is_lost_in_60_kills(tmp_path) -> None:
    write_texts(tmp_path / "texts.csv", 6_000)
    words = ("-c", KILLED, tmp_path / "texts.csv", tmp_path / "labels.csv", 60)
    done = spawning.run(*words, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["confirmed"] == len(rows_of(tmp_path / "labels.csv"))
    assert found["confirmed"] >= 60
    assert found["doubtful"] < 60
