"""How hard a natural disaster hits a producing place: 0 not at all, 1 in full. By its kind, strength and distance.

Earthquakes: the shaking at the place by the intensity prediction of Allen, Wald and Worden for active crust, then a
line from intensity V (nothing breaks, work goes on) to IX (heavy damage). The relation was fitted to magnitudes of
5.0 to 7.9 and to 300 km. Stronger quakes are an extrapolation; as their ruptures are long and the point told is only
where they began, they count half a rupture length farther.

All other kinds: a source tells a grade and one point, the middle of an area or where a track is now, so a rule by kind
and grade has to do (`REACH`): the peak effect out to half of the reach, falling to nothing at its end. Peaks and
reaches are choices, made for ranking, not measured losses: at red, a cyclone stops ports and pits for days within some
hundred kilometres, a flood a river basin, and a drought only dims what needs water or its power. A tsunami has none:
the point told is where the wave began, not the coast that it reached, and the quake behind it is counted.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from features.hazard_events import EARTH_RADIUS_KM

__all__ = ["REACH", "effects", "intensity", "reach_km"]

# T. I. Allen, D. J. Wald, C. B. Worden, "Intensity attenuation for active crustal regions", J. Seismology 16 (2012),
# 409-433: the form for hypocentral distance, without its term for the ground.
C0, C1, C2, C4 = 2.085, 1.428, -1.402, 0.078
M1, M2 = -0.209, 2.042
FAR_KM, FITTED_KM = 50.0, 300.0
NO_EFFECT, FULL_EFFECT = 5.0, 9.0
# Where no depth is told, that of a shallow quake, as agencies fix it; no magnitude, the least of the grade.
USUAL_DEPTH_KM = 10.0
LEAST_MAGNITUDES = {1: 5.0, 2: 6.0, 3: 7.0}

# Kind -> grade -> (peak effect, reach in km).
REACH = {
    "cyclone": {1: (0.10, 100.0), 2: (0.35, 200.0), 3: (0.70, 300.0)},
    "flood": {1: (0.05, 50.0), 2: (0.25, 100.0), 3: (0.50, 200.0)},
    "drought": {1: (0.02, 200.0), 2: (0.08, 400.0), 3: (0.15, 600.0)},
    "wildfire": {1: (0.05, 20.0), 2: (0.20, 50.0), 3: (0.40, 100.0)},
    "volcano": {1: (0.05, 10.0), 2: (0.25, 30.0), 3: (0.50, 100.0)},
}


def intensity(magnitude: np.ndarray, distance_km: np.ndarray) -> np.ndarray:
    """Give the Modified Mercalli intensity to expect at a distance from the hypocentre, of the same shape.

    `c0 + c1 M + c2 ln(sqrt(R² + Rm²)) + c4 ln(R / 50)`, the last from 50 km on, with `Rm = m1 + m2 exp(M - 5)`
    (Allen, Wald and Worden 2012).

    Example:
        >>> intensity(np.array([7.0, 6.0]), np.array([100.0, 50.0])).round(2).tolist()
        [5.66, 5.16]
    """
    source_km = M1 + M2 * np.exp(magnitude - 5)
    near = C0 + C1 * magnitude + C2 * np.log(np.hypot(distance_km, source_km))
    return near + C4 * np.log(np.maximum(distance_km, FAR_KM) / FAR_KM)


def reach_km(hazards: pd.DataFrame) -> np.ndarray:
    """Give how far each hazard can have an effect, in kilometres, shape (n,).

    A quake's rupture length is 10^(0.59 M - 2.44) km (D. L. Wells, K. J. Coppersmith, Bull. Seism. Soc. Am. 84 (1994),
    974-1002, subsurface length, all types of slip).
    """
    others = [
        REACH.get(kind, {}).get(grade, (0.0, 0.0))[1]
        for kind, grade in zip(hazards["kind"], hazards["severity"], strict=True)
    ]
    of_quakes = FITTED_KM + 10 ** (0.59 * _magnitude(hazards) - 2.44) / 2
    return np.where(hazards["kind"].eq("earthquake"), of_quakes, np.array(others, dtype="float64"))


def effects(hazards: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """Give the effect of each hazard on each place that it reaches.

    Args:
        hazards: rows of the dataset `hazards`.
        places: latitude and longitude, in degrees.

    Returns:
        hazard and place (positions in the two tables, int64) and effect (above 0, up to 1), sorted by the first two.
    """
    tree = cKDTree(_on_unit_sphere(places))
    reach = reach_km(hazards)
    # A chord of the unit sphere; a little more, as what is told at the very edge is nothing anyway.
    chords = 2 * np.sin(np.minimum(reach / EARTH_RADIUS_KM, np.pi) / 2)
    near = tree.query_ball_point(_on_unit_sphere(hazards), chords, return_sorted=True) if len(hazards) else []
    hazard = np.repeat(np.arange(len(hazards)), [len(found) for found in near])
    place = np.concatenate([np.asarray(found, dtype="int64") for found in near]) if len(near) else np.array([], "int64")
    told = hazards.iloc[hazard]
    distance = _kilometres(told, places.iloc[place])
    found = np.where(
        told["kind"].eq("earthquake"), _of_shaking(told, distance), _of_grade(told, distance, reach[hazard])
    )
    table = pd.DataFrame({"hazard": hazard.astype("int64"), "place": place, "effect": found.astype("float64")})
    return table[table["effect"] > 0].reset_index(drop=True)


def _of_shaking(hazards: pd.DataFrame, distance: np.ndarray) -> np.ndarray:
    depth = hazards["depth_km"].fillna(USUAL_DEPTH_KM).clip(lower=0).to_numpy()
    felt = intensity(_magnitude(hazards), np.hypot(distance, depth))
    return np.clip((felt - NO_EFFECT) / (FULL_EFFECT - NO_EFFECT), 0, 1)


def _of_grade(hazards: pd.DataFrame, distance: np.ndarray, reach: np.ndarray) -> np.ndarray:
    peaks = [
        REACH.get(kind, {}).get(grade, (0.0, 0.0))[0]
        for kind, grade in zip(hazards["kind"], hazards["severity"], strict=True)
    ]
    left = 2 - 2 * distance / np.where(reach > 0, reach, 1.0)
    return np.array(peaks, dtype="float64") * np.clip(left, 0, 1)


def _magnitude(hazards: pd.DataFrame) -> np.ndarray:
    least = hazards["severity"].map(LEAST_MAGNITUDES).astype("float64")
    # Of other kinds it means something else.
    return hazards["magnitude"].where(hazards["kind"].eq("earthquake")).fillna(least).to_numpy()


def _on_unit_sphere(points: pd.DataFrame) -> np.ndarray:
    north, east = (np.radians(points[name].to_numpy(dtype="float64")) for name in ("latitude", "longitude"))
    return np.column_stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)])


def _kilometres(some: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    # From the chord between two points of the unit sphere, which is exact for near points too.
    chord = np.linalg.norm(_on_unit_sphere(some) - _on_unit_sphere(others), axis=1)
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(chord / 2, 0, 1))
