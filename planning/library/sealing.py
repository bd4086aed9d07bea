"""Locks a file with a passphrase, in the age format (age-encryption.org/v1).

The library takes a passphrase for what fits into memory, and streams to keys of its own kind. So
the content is streamed to a key that is drawn for it, and that key is locked with the passphrase:
what ``age`` itself calls a passphrase-protected identity. A passphrase that opens no key is wrong;
content that the key does not open is damaged.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from planning.library.refusals import refuse

LEAST_CHARACTERS = 8  # of a passphrase; scrypt makes each guess cost about a second
MOST_KEY_BYTES = 64 << 10
AGE = b"age-encryption.org/v1"


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that can be guessed.

    Parameters
    ----------
    passphrase : str
        As given.

    Raises
    ------
    PlanningError
        When it is too short.
    """
    if len(passphrase.strip()) < LEAST_CHARACTERS:
        message = f"the passphrase has less than {LEAST_CHARACTERS} characters; take a longer one"
        raise refuse("weak_passphrase", message)


def seal(plain: Path, out: BinaryIO, passphrase: str) -> bytes:
    """Encrypt a file.

    Parameters
    ----------
    plain : Path
        What is encrypted, piece by piece.
    out : BinaryIO
        Receives the age file.
    passphrase : str
        Locks the key.

    Returns
    -------
    bytes
        The locked key, an age file of its own.
    """
    import pyrage

    key = pyrage.x25519.Identity.generate()
    with plain.open("rb") as stream:
        pyrage.encrypt_io(stream, out, [key.to_public()])
    return bytes(pyrage.passphrase.encrypt(str(key).encode(), passphrase))


def unseal(locked_key: bytes, sealed: BinaryIO, out: BinaryIO, passphrase: str, name: str) -> None:
    """Decrypt a file.

    Parameters
    ----------
    locked_key : bytes
        As :func:`seal` returned it.
    sealed : BinaryIO
        The age file.
    out : BinaryIO
        Receives the content, which counts only when this returns.
    passphrase : str
        As given.
    name : str
        Of the file, for messages.

    Raises
    ------
    PlanningError
        ``wrong_passphrase`` when the passphrase does not open the key, ``damaged`` when the key
        does not open the content.
    """
    import pyrage

    damaged = refuse("damaged", "the file is damaged or was changed; ask for it again", name)
    if not locked_key.startswith(AGE):
        raise damaged
    try:
        key = pyrage.passphrase.decrypt(locked_key, passphrase)
    except pyrage.DecryptError:
        message = "the passphrase does not open this file; type it as the sender gave it"
        raise refuse("wrong_passphrase", message, name) from None
    try:
        identity = pyrage.x25519.Identity.from_str(key.decode("ascii"))
        pyrage.decrypt_io(sealed, out, [identity])
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
        raise damaged from None
    except OSError as error:
        if error.errno is None:  # what the library says of content that was changed
            raise damaged from None
        raise
