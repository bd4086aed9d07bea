"""Pictures of what is seen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QPixmap
from vtkmodules.vtkIOImage import vtkPNGWriter
from vtkmodules.vtkRenderingCore import vtkRenderWindow, vtkWindowToImageFilter

from app.errors import AppError
from imaging.errors import Problem


def window_png(window: vtkRenderWindow) -> bytes:
    """Return the content of a VTK window as PNG.

    Parameters
    ----------
    window : vtkRenderWindow
        Drawn.

    Returns
    -------
    bytes
        PNG.
    """
    grabbed = vtkWindowToImageFilter()
    grabbed.SetInput(window)
    grabbed.ReadFrontBufferOff()
    grabbed.Update()
    writer = vtkPNGWriter()
    writer.WriteToMemoryOn()
    writer.SetInputConnection(grabbed.GetOutputPort())
    writer.Write()
    return bytes(memoryview(writer.GetResult()))


def pixmap_png(pixmap: QPixmap) -> bytes:
    """Return a pixmap as PNG.

    Parameters
    ----------
    pixmap : QPixmap
        Grabbed from a widget.

    Returns
    -------
    bytes
        PNG.
    """
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    pixmap.save(buffer, "PNG")
    return bytes(buffer.data().data())


def write_png(png: bytes, path: Path) -> None:
    """Write a picture.

    Parameters
    ----------
    png : bytes
        The picture.
    path : Path
        File.

    Raises
    ------
    AppError
        When the place cannot be written.
    """
    try:
        path.write_bytes(png)
    except OSError:
        message = "the picture cannot be written; check the folder's rights and the space"
        raise AppError(Problem(code="cannot_write", message=message, where=str(path))) from None
