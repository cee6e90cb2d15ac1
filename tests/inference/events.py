"""Reading the events of a reply."""

from inference import Finished


def finished(events) -> Finished:
    assert isinstance(events[-1], Finished), events[-1]
    return events[-1]
