"""How a process that makes and drops large arrays without end asks its allocator to keep them."""

import ctypes

# glibc's mallopt: parameter and value. Blocks of 32 MB and more, glibc's own limit, still go back when they are freed.
_KEEP = ((-3, 32 * 2**20), (-1, 2**30), (-2, 64 * 2**20))  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD


def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next arrays, instead of having it zeroed by the kernel each time.

    A process holds up to 1 GiB more of what it used at its peak. Returns whether the C library could be told: glibc
    can, others go on as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or none that can be asked
        return False
    return all(mallopt(parameter, value) == 1 for parameter, value in _KEEP)
