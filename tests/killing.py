"""Ways to end a training as a kill would, for the tests of resuming."""

import pytest

from pellucid.errors import InterruptedRun
from pellucid.training.state import load_checkpoint, save_checkpoint

# Runs the command with a process that kills itself at its n-th fsync: that is inside a save.
KILL_IN_SAVE = """
import os, signal, sys
left, sync = int(sys.argv.pop(1)), os.fsync
def fsync(descriptor):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    sync(descriptor)
os.fsync = fsync
from pellucid.training.observers import Checkpointer
Checkpointer.__init__.__defaults__ = (0.0, 0.0)
from pellucid.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class KillAt:
    """Ends training after a step, as a kill would, with or without a checkpoint of that step."""

    def __init__(self, step, folder, every):
        self.step, self.folder, self.every = step, folder, every

    def after_step(self, state):
        if state.step % self.every == 0:
            save_checkpoint(self.folder, state, {"data": 1})
        if state.step == self.step:
            raise InterruptedRun("killed", 9)

    def after_epoch(self, state):
        pass


def killed_and_resumed(begin, step, folder, every):
    """A session that goes on where another was killed after a step, with a checkpoint every few steps."""
    with pytest.raises(InterruptedRun):
        begin().run([KillAt(step, folder, every)])
    resumed = begin()
    assert load_checkpoint(folder, resumed.state, resumed.batches) == ({"data": 1} if step >= every else None)
    assert resumed.state.step == step - step % every
    return resumed


# Asks `predict` the same question again and again in forks of one process, each killed with SIGKILL at a
# random one of its writes, syncs and renames, and the last one not at all; before them one that was never
# killed. What was written last may have reached the file in part.
KILLED_PREDICTS = """
import json, os, random, signal, sys
import numpy, torch, torch._dynamo, pyarrow.parquet, scipy.special, safetensors.numpy, PIL.Image
from pellucid.answering import explain, incoming, predict, resumable_output
from pellucid.cli.main import main
from pellucid.data.sources import blocks

PIL.Image.init()  # all that a fork would have to load anew
asked = json.loads(sys.argv[1])
draws = random.Random(asked["seed"])
resumable_output._SECONDS_BETWEEN = 0.0
blocks._MOST_IN_BLOCK = 16
calls = 0


def dying(real, last, is_write=False):
    def call(*given, **named):
        global calls
        calls += 1
        if calls == last:
            if is_write and draws.random() < 0.5:
                real(given[0], given[1][: len(given[1]) // 2])
                given[0]._file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)
    return call


def forked(words, last, name):
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    sys.stderr = open(name, "w")
    from pellucid.safety.files import Draft
    Draft.write = dying(Draft.write, last, True)
    os.fsync, os.replace = dying(os.fsync, last), dying(os.replace, last)
    code = 1
    try:
        code = main(words)
        sys.stderr.write(f"calls {calls}\\n")
        sys.stderr.close()
    finally:
        os._exit(code)


said = asked["out"] + ".said"
assert forked(asked["words"], None, said) == 0, open(said).read()
*unbroken_words, count = open(said).read().splitlines()
unbroken = open(asked["out"], "rb").read()
os.remove(asked["out"])
killed = resumed = 0
most = max(9, 2 * int(count.split()[1]) // asked["kills"])
for number in range(asked["kills"]):
    resumed += os.path.exists(asked["out"] + ".partial/state.json")
    # So early that there mostly is something left.
    last = draws.randint(8, most) if number % 3 else draws.randint(1, 12)
    status = forked([*asked["words"], "--resume"], last, said)
    killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
assert forked([*asked["words"], "--resume"], None, said) == 0, open(said).read()
*last_words, _ = open(said).read().splitlines()
os.remove(said)
is_equal = open(asked["out"], "rb").read() == unbroken
print(json.dumps({
    "killed": killed, "resumed": resumed, "is_equal": is_equal, "says_the_same": last_words == unbroken_words,
    "words": [unbroken_words, last_words],
}))
"""
