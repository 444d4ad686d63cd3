"""Ways to end a training as a kill would, for the tests of resuming."""

from pellucid.errors import InterruptedRun
from pellucid.training.watching.checkpoints import save_checkpoint

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
from pellucid.training.watching.observers import Checkpointer
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
