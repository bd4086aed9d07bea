"""Messages between the window's process and the worker: large arrays travel once.

Frozen arrays (not writable, larger than a megabyte) are sent the first time they occur and kept on
the other side; afterwards a message only names them, and one that differs little from a known one
is sent as the difference. So a case whose masks have not changed costs
kilobytes, however large its CT is.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.workstation.arrays import AnyArray, Patch, patch_between

LEAST_SHARED_BYTES = 1 << 20  # below this a copy costs less than the bookkeeping
MOST_KEPT_BYTES = 3 << 30  # of arrays kept on each side before both forget

Fresh = tuple[str, "AnyArray | tuple[str, Patch]"]
Key = tuple[int, tuple[int, ...], tuple[int, ...], str]


@dataclass(frozen=True)
class Message:
    """What goes through the pipe.

    Parameters
    ----------
    body : bytes
        Pickle that names shared arrays instead of holding them.
    arrays : tuple
        Of those the other side does not have yet: name, and the array, or the name of one it has
        with the patch that makes the new one of it.
    """

    body: bytes
    arrays: tuple[tuple[str, AnyArray | tuple[str, Patch]], ...]


def _key(array: AnyArray) -> Key:
    address = int(array.__array_interface__["data"][0])
    return address, array.shape, array.strides, array.dtype.str


@dataclass
class ArrayStore:
    """The arrays that both sides have.

    Parameters
    ----------
    side : str
        Begins the names this side gives, so that both sides never give the same.
    """

    side: str
    _by_name: dict[str, AnyArray] = field(default_factory=dict)
    _names: dict[Key, str] = field(default_factory=dict)
    _given: int = 0

    def pack(self, value: object) -> Message:
        """Return the message that carries a value.

        Parameters
        ----------
        value : object
            Anything that can be pickled.

        Returns
        -------
        Message
            To be sent to the other side, which must unpack it.
        """
        fresh: list[Fresh] = []
        buffer = io.BytesIO()
        _Packer(buffer, self, fresh).dump(value)
        return Message(buffer.getvalue(), tuple(fresh))

    def unpack(self, message: Message) -> Any:  # noqa: ANN401 - whatever the other side packed
        """Return the value of a message.

        Parameters
        ----------
        message : Message
            From the other side.

        Returns
        -------
        object
            Its shared arrays are the ones this side has.
        """
        for name, sent in message.arrays:
            if isinstance(sent, tuple):
                base = self._by_name[sent[0]]
                array = sent[1].on(base, base.shape)
            else:
                array = sent
            array.flags.writeable = False
            self._keep(name, array)
        return _Unpacker(io.BytesIO(message.body), self).load()

    def name_of(self, array: AnyArray, fresh: list[Fresh]) -> str:
        """Return the name of an array; one without a name gets one and is noted as fresh.

        Parameters
        ----------
        array : numpy.ndarray
            Not writable.
        fresh : list
            Receives name and array, or patch, when the other side does not have it.

        Returns
        -------
        str
            Name on both sides.
        """
        known = self._names.get(_key(array))
        if known is not None:
            return known
        self._given += 1
        name = f"{self.side}{self._given}"
        fresh.append((name, self._told(array)))
        self._keep(name, array)
        return name

    def _told(self, array: AnyArray) -> AnyArray | tuple[str, Patch]:
        """Return an array as it is sent: whole, or by what differs from the newest like it."""
        alike = (
            (name, known)
            for name, known in reversed(self._by_name.items())
            if (known.shape, known.dtype) == (array.shape, array.dtype)
        )
        base = next(alike, None)
        patch = None if base is None else patch_between(array, base[1])
        return array if base is None or patch is None else (base[0], patch)

    def named(self, name: str) -> AnyArray:
        """Return a shared array.

        Parameters
        ----------
        name : str
            As the other side gave it.

        Returns
        -------
        numpy.ndarray
            Not writable.
        """
        return self._by_name[name]

    @property
    def is_full(self) -> bool:
        """Whether both sides should forget what they keep."""
        return sum(array.nbytes for array in self._by_name.values()) > MOST_KEPT_BYTES

    def forget(self) -> None:
        """Drop everything; the other side must do the same."""
        self._by_name.clear()
        self._names.clear()

    def _keep(self, name: str, array: AnyArray) -> None:
        self._by_name[name] = array
        self._names[_key(array)] = name


class _Packer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, store: ArrayStore, fresh: list[Fresh]) -> None:
        super().__init__(buffer, protocol=5)
        self._store = store
        self._fresh = fresh

    def persistent_id(self, value: object) -> str | None:
        if (
            isinstance(value, np.ndarray)
            and not value.flags.writeable
            and value.nbytes >= LEAST_SHARED_BYTES
        ):
            return self._store.name_of(value, self._fresh)
        return None


class _Unpacker(pickle.Unpickler):  # the other end is our own process, never a file
    def __init__(self, buffer: io.BytesIO, store: ArrayStore) -> None:
        super().__init__(buffer)
        self._store = store

    def persistent_load(self, name: object) -> AnyArray:
        return self._store.named(str(name))
