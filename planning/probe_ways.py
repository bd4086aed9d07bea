"""Safe ways in for one probe and for several, as the planner of ablations asks for them."""

from __future__ import annotations

from dataclasses import replace

from imaging.errors import Refusal
from imaging.progress import Progress
from imaging.volume import Volume
from planning.ablation.placing import Way
from planning.access.request import AccessRequest
from planning.access.search import check_request, search_with_first_trocar
from planning.access.sets import MOST_NEEDLES, Purpose, search_set
from planning.plan import Case
from planning.ways_in import access_request

SINGLE_WAYS = 3  # of the proposals, the chosen one first
REACHES_MM = (12.0, 8.0)  # of one probe, under which a set is searched


class ProbeWays:
    """Groups of ways in that pass every limit of access.

    Parameters
    ----------
    case : Case
        With lesion and structures; what was chosen there goes first.
    volume : Volume
        The CT.
    """

    def __init__(self, case: Case, volume: Volume) -> None:
        self._case, self._volume = case, volume
        self._request: AccessRequest | None = None

    def groups(self, count: int, progress: Progress) -> tuple[tuple[Way, ...], ...]:
        """Return groups of so many ways, best first.

        Parameters
        ----------
        count : int
            Probes.
        progress : Progress
            Told while searching.

        Returns
        -------
        tuple
            Groups of entry and target; empty where there is none.
        """
        if count == 1:
            return tuple((way,) for way in self._single(progress))
        plan = self._case.plan
        known = plan.needle_set
        found: list[tuple[Way, ...]] = []
        if known is not None and len(known.needles) == count:
            found.append(tuple((one.entry_lps_mm, one.target_lps_mm) for one in known.needles))
        if count <= MOST_NEEDLES:
            for number, reach_mm in enumerate(REACHES_MM):
                part = progress.part(number / len(REACHES_MM), (number + 1) / len(REACHES_MM))
                group = self._set(count, reach_mm, part)
                if group and group not in found:
                    found.append(group)
        return tuple(found)

    def _single(self, progress: Progress) -> list[Way]:
        plan = self._case.plan
        proposals = list(plan.access.proposals) if plan.access is not None else []
        if plan.chosen is not None:
            proposals = [plan.chosen, *(one for one in proposals if one != plan.chosen)]
        if not proposals:
            try:
                request = access_request(self._case, self._volume, SINGLE_WAYS)
                proposals = list(search_with_first_trocar(request, progress).proposals)
            except Refusal:
                return []
        return [(one.entry_lps_mm, one.target_lps_mm) for one in proposals[:SINGLE_WAYS]]

    def _set(self, count: int, reach_mm: float, progress: Progress) -> tuple[Way, ...]:
        if self._request is None:
            self._request = access_request(self._case, self._volume)
        settings = self._request.settings.model_copy(update={"zone_radius_mm": reach_mm})
        request = replace(self._request, settings=settings)
        try:
            check_request(request)
            found = search_set(request, Purpose.CRYOABLATION, count, progress)
        except Refusal:
            return ()
        return tuple((one.entry_lps_mm, one.target_lps_mm) for one in found.needles)
