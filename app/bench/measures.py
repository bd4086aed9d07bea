"""Measures of this machine, each against a peer on the same input in the same run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

from app.bench.timing import Timed, measure, seconds


def _case() -> Any:  # noqa: ANN401 - a GeneratedCase, imported late
    from imaging.phantom.cases import generate

    return generate("vertebra", spacing_mm=(2.0, 1.6, 1.6))


def bench_views() -> list[dict[str, Any]]:
    """Measure one oblique slice of 512 × 512 against SimpleITK's resampling.

    ``views_oblique_slice`` is the report's, in double precision; ``views_oblique_cut`` is that of
    the screen.
    """
    import SimpleITK as sitk

    from app.report.views import Plane
    from imaging.cutting import cut_plane
    from imaging.files import to_itk
    from imaging.geometry import unit

    volume = _case().volume
    right, down = unit([1.0, 0.2, 0.0]), unit([-0.2, 1.0, 0.0])
    plane = Plane("axial", np.zeros(3), right, down, 128.0, 128.0)
    image = to_itk(volume.hu, volume.grid)
    target = sitk.Image([512, 512, 1], sitk.sitkInt16)
    target.SetSpacing((0.5, 0.5, 1.0))
    normal = np.cross(right, down)
    target.SetDirection([float(n) for n in np.column_stack([right, down, normal]).ravel()])
    target.SetOrigin([float(n) for n in plane.places_lps_mm()[0, 0]])
    identity = sitk.Transform()
    peer: dict[str, Callable[[], object]] = {
        "SimpleITK resample": lambda: sitk.Resample(image, target, identity, sitk.sitkLinear, -1024)
    }
    ours = Timed(
        "views_oblique_slice", lambda: volume.hu_at(plane.places_lps_mm()), 1.0, "slices/s", peer
    )
    first = volume.grid.to_kji(plane.places_lps_mm()[0, 0])
    turn = np.linalg.inv(volume.grid.affine_kji_to_lps[:3, :3])
    steps = turn @ right * 0.5, turn @ down * 0.5
    pixels = np.full((512, 512), -1024, dtype=np.int16)
    screen = Timed(
        "views_oblique_cut",
        lambda: cut_plane(volume.hu, first, *steps, pixels),
        1.0,
        "slices/s",
        peer,
    )
    return [measure(ours), measure(screen)]


def bench_access() -> list[dict[str, Any]]:
    """Measure the search against rays through VTK's BSP tree on the same entries and targets.

    ``access_search`` is the march of every pair of entry and target alone, as the rays are;
    ``access_first`` is a whole search with its fields and every limit, as a user waits for it;
    ``access_live_target`` and ``access_live_margin`` are the map of the skin after that has moved.
    """
    from imaging.structures.labels import structures_from
    from planning.access.judge import as_vector
    from planning.access.live import LiveAccess
    from planning.access.marching import march_all
    from planning.access.needles import needle_named
    from planning.access.request import AccessRequest
    from planning.access.scene import build_scene
    from planning.access.search import search_access
    from planning.access.targets import lesion_targets

    case = _case()
    structures = structures_from(case.labels, case.volume.grid, case.names, "generated")
    request = AccessRequest(case.volume, case.lesion, structures, needle_named(None))
    scene = build_scene(request)
    targets = lesion_targets(case.lesion, case.volume.grid)
    pairs = float(len(scene.skin) * len(targets))
    points = scene.skin.points_lps_mm
    few = points[:: max(1, len(points) // 400)]
    row = measure(
        Timed("access_search", lambda: march_all(request, scene, targets), pairs, "pairs/s", {})
    )
    rays_s = seconds(_bsp_rays(scene, few, targets))
    share = len(few) * len(targets) / pairs
    row["peers"] = [
        {
            "name": f"vtkModifiedBSPTree, {len(few)} entries scaled to all",
            "median_s": rays_s / share,
            "ratio": rays_s / share / row["median_s"],
        }
    ]
    first = Timed("access_first", lambda: search_access(request), pairs, "pairs/s", {})
    following = LiveAccess(request)
    aims = [as_vector(place) for place in targets]
    moved = Timed(
        "access_live_target", lambda: following.skin_map(None, (aims[-1],)), 1.0, "pictures/s", {}
    )
    margins = cycle((4.0, 5.0, 6.0))

    def other_margin() -> object:
        following.set_margin("spinal_canal", next(margins))
        return following.skin_map(None, (aims[0],))

    margin = Timed("access_live_margin", other_margin, 1.0, "pictures/s", {})
    return [row, measure(first), measure(moved), measure(margin)]


def _bsp_rays(scene: Any, entries: Any, targets: Any) -> Callable[[], object]:  # noqa: ANN401
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkIdList, vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D
    from vtkmodules.vtkFiltersFlowPaths import vtkModifiedBSPTree

    from planning.access.march import INSIDE

    image = vtkImageData()
    image.SetDimensions(*scene.tissue.shape[::-1])
    image.SetSpacing(*scene.grid.spacing_mm_kji[::-1])
    image.SetOrigin(*scene.grid.to_lps((0, 0, 0)))
    flat = ((scene.tissue & INSIDE) > 0).astype(np.float32).ravel()
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.5)
    edges.Update()
    tree = vtkModifiedBSPTree()
    tree.SetDataSet(edges.GetOutput())
    tree.BuildLocator()

    def rays() -> object:
        hits = 0
        for entry in entries:
            for target in targets:
                points, cells = vtkPoints(), vtkIdList()
                hits += tree.IntersectWithLine(entry, target, 0.001, points, cells)
        return hits

    return rays
