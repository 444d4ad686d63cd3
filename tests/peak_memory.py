"""Peak memory of a process, for code that tests run in a process of its own."""

PEAK = '''
import resource, sys


def peak_kilobytes():
    """Largest resident size so far; `ru_maxrss` of a new process begins at its parent's, /proc does not."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
'''
