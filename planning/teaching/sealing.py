"""Seals the reference of an exercise, so that it is not read before the answer is handed in.

Two seals. Under the program's own key the reference is opened by the hand-in alone: no ordinary
tool shows it, but who reads the program's source can open it. Under a teacher's passphrase nobody
can without it: that one is for examinations. Both are AES-256-GCM and bound to the exercise, so
that a reference is not put under another exercise, nor the exercise changed beneath it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Literal

from imaging.document import Document
from imaging.errors import Problem
from planning.errors import PlanningError

Kind = Literal["program", "passphrase"]
NONCE_BYTES = 12  # NIST SP 800-38D, 8.2
SALT_BYTES = 16
KEY_BYTES = 32
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**15, 8, 1  # 32 MB and about 0.1 s a try (RFC 7914)
PROGRAM = b"osteoplan: the reference of an exercise is opened by the hand-in"
SHORTEST_PASSPHRASE = 8


class Seal(Document):
    """How a reference is sealed.

    Attributes
    ----------
    kind : str
        ``program`` or ``passphrase``.
    salt, nonce : str
        Hexadecimal.
    """

    kind: Kind
    salt: str
    nonce: str


def seal(content: bytes, bound_to: str, passphrase: str | None = None) -> tuple[Seal, bytes]:
    """Seal content.

    Parameters
    ----------
    content : bytes
        The reference.
    bound_to : str
        Digest of its exercise.
    passphrase : str or None
        None takes the key of the program.

    Returns
    -------
    tuple
        How it is sealed, and what is sealed.

    Raises
    ------
    PlanningError
        When the passphrase is too short.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if passphrase is not None and len(passphrase) < SHORTEST_PASSPHRASE:
        message = f"take a passphrase of {SHORTEST_PASSPHRASE} characters and more"
        raise PlanningError(Problem(code="short_passphrase", message=message))
    salt, nonce = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(NONCE_BYTES)
    closed = AESGCM(_key(salt, passphrase)).encrypt(nonce, content, bound_to.encode())
    kind: Kind = "program" if passphrase is None else "passphrase"
    return Seal(kind=kind, salt=salt.hex(), nonce=nonce.hex()), closed


def unseal(how: Seal, closed: bytes, bound_to: str, passphrase: str | None = None) -> bytes:
    """Open what was sealed.

    Parameters
    ----------
    how : Seal
        As it was sealed.
    closed : bytes
        What was sealed.
    bound_to : str
        Digest of its exercise.
    passphrase : str or None
        Of the teacher, where there is one.

    Returns
    -------
    bytes
        The reference.

    Raises
    ------
    PlanningError
        When the passphrase is lacking or wrong, or the file was changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if how.kind == "passphrase" and not passphrase:
        message = "this is an examination: it is marked when the teacher gives the passphrase"
        raise PlanningError(Problem(code="passphrase_needed", message=message))
    given = passphrase if how.kind == "passphrase" else None
    try:
        key = _key(bytes.fromhex(how.salt), given)
        return AESGCM(key).decrypt(bytes.fromhex(how.nonce), closed, bound_to.encode())
    except (InvalidTag, ValueError):
        code, message = "seal_broken", "the exercise was changed or is damaged; get a new copy"
        if how.kind == "passphrase":
            code, message = (
                "wrong_passphrase",
                "the passphrase is wrong, or the exercise was changed; try again",
            )
        raise PlanningError(Problem(code=code, message=message)) from None


def _key(salt: bytes, passphrase: str | None) -> bytes:
    if passphrase is None:
        return hashlib.sha256(PROGRAM + salt).digest()
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    derive = Scrypt(salt=salt, length=KEY_BYTES, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)
    return derive.derive(passphrase.encode())
