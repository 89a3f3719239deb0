"""Classes of scenes by group: the categories that a user's pins are parted into."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visprof.checks import check_groups

__all__ = ["SCENE_GROUPS", "scene_groups"]

# Classes of the simulated world; and the hundred that `collect miniplaces` brings, by the first
# level of Places: indoors, outdoors and natural, outdoors and built
_CLASSES = {
    "water": "coast open_sea lake waterfall",
    "heights": "mountain snow canyon desert",
    "country": "forest field village northern_lights",
    "town": "skyline_day skyline_night street bridge",
    "landmarks": "temple lighthouse harbour ruins",
}
_PLACES = {
    "indoors": (
        "airport_terminal aquarium art_gallery assembly_line auditorium bakery-shop ballroom "
        "banquet_hall bar bathroom beauty_salon bedroom bookstore bowling_alley boxing_ring "
        "bus_interior butchers_shop candy_store classroom clothing_store cockpit coffee_shop "
        "conference_room corridor dining_room food_court hospital_room "
        "kindergarden_classroom kitchen laundromat living_room lobby locker_room martial_arts_gym "
        "museum-indoor office restaurant shower stage-indoor staircase subway_station-platform "
        "supermarket"
    ),
    "nature": (
        "badlands bamboo_forest botanical_garden campsite canyon coast corn_field desert-sand "
        "hot_spring iceberg mountain rainforest river rock_arch ski_slope swamp trench valley "
        "volcano"
    ),
    "built": (
        "abbey amphitheater amusement_park aqueduct baseball_field boat_deck bridge cemetery "
        "chalet church-outdoor construction_site courtyard dam driveway fire_station fountain "
        "gas_station golf_course harbor highway ice_skating_rink-outdoor lighthouse market-outdoor "
        "monastery-outdoor palace parking_lot phone_booth playground racecourse railroad_track "
        "runway shed skyscraper slum stadium-football swimming_pool-outdoor temple-east_asia "
        "track-outdoor yard"
    ),
}
SCENE_GROUPS: tuple[dict[str, str], ...] = tuple(
    {name: group for group, names in table.items() for name in names.split()}
    for table in (_CLASSES, _PLACES)
)


def scene_groups(classes: ArrayLike) -> NDArray[np.str_]:
    """Group of each class of one set of scenes.

    Classes have several homes under one name (a coast is water among twenty drawn classes, and
    nature among a hundred of photographs), so the groups are those of the set that knows the most
    of them.

    Parameters
    ----------
    classes : array-like of str, shape (n,)
        Names, such as those of folders of scenes; "/" and "-" are the same.

    Returns
    -------
    ndarray of str, shape (n,)
        A class that the set does not know is a group of its own.

    Raises
    ------
    TypeError
        If classes are of several kinds.
    ValueError
        If the shape is another, or a class is missing.

    Examples
    --------
    >>> scene_groups(["coast", "lake", "street"]).tolist()
    ['water', 'water', 'town']
    >>> scene_groups(["coast", "kitchen", "museum/indoor", "moon"]).tolist()
    ['nature', 'indoors', 'indoors', 'moon']
    """
    classes = check_groups(classes, None, "classes")
    names = [str(name).replace("/", "-") for name in classes]
    known = max(SCENE_GROUPS, key=lambda table: len(set(names) & table.keys()))
    return np.array([known.get(name, name) for name in names], dtype=str)
