"""Memory that a process and its children hold while something runs."""

from __future__ import annotations

import threading

import psutil


class Watched:
    """The largest resident memory of this process and its children, looked at ten times a second."""

    def __enter__(self):
        self.most, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        own = psutil.Process()
        while not self._over.wait(0.1):
            alive = [own, *own.children(recursive=True)]
            resident = 0
            for process in alive:
                try:
                    resident += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.most = max(self.most, resident)

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
