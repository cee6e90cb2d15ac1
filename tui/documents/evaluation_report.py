"""The report of an evaluation as table, plot and JSON."""

from collections.abc import Sequence
from typing import Any

from tui.documents.evaluation import GIVEN, WAYS, Given, Outcome, Way, recall, reciprocal_rank
from tui.formatting.units import counted

DEPTHS = (1, 5, 10)
BAR = 36
WITH: dict[Given, str] = {
    "nothing": "without documents",
    "retrieved": "with what was retrieved",
    "right": "with the right passage",
}


def table(outcomes: Sequence[Outcome], model: str) -> str:
    """How often the right passage was found, and how often answers were right. ``model``: whose answers they are."""
    parts = [_search_table(outcomes)] if _ways(outcomes) else []
    if asked := _asked(outcomes):
        parts.append(_answer_table(asked, model))
    return "\n\n".join(parts)


def plot(outcomes: Sequence[Outcome]) -> str:
    """Bars of all shares."""
    bars: list[tuple[str, str, float]] = [
        (f"recall@{depth}", way, recall(outcomes, way, depth)) for depth in DEPTHS for way in _ways(outcomes)
    ]
    if asked := _asked(outcomes):
        rights = ((given, _rights(asked, given)) for given in GIVEN)
        bars += [("right", WITH[given], sum(right) / len(right)) for given, right in rights if right]
    width = max((len(name) for _, name, _ in bars), default=0)
    lines, before = [], None
    for group, name, share in bars:
        shown = "" if group == before else group
        lines.append(f"{shown:>9}  {name:<{width}}  {'█' * round(BAR * share)}{' ' if share else ''}{share:.0%}")
        before = group
    return "\n".join(lines)


def as_json(outcomes: Sequence[Outcome], model: str) -> dict[str, Any]:
    """All figures, and every question with its ranks and replies."""
    asked = _asked(outcomes)
    return {
        "questions": len(outcomes),
        "with_answer": sum(bool(outcome.right) for outcome in outcomes),
        "search": {
            way: {
                **{f"recall@{depth}": recall(outcomes, way, depth) for depth in DEPTHS},
                "mrr": reciprocal_rank(outcomes, way),
            }
            for way in _ways(outcomes)
        },
        "answers": {
            "model": model,
            "asked": len(asked),
            **{
                given: {"right": sum(rights), "of": len(rights)} for given in GIVEN if (rights := _rights(asked, given))
            },
            "worse": len(_changed(asked, better=False)),
            "better": len(_changed(asked, better=True)),
        }
        if asked
        else None,
        "each": [_outcome_as_json(outcome) for outcome in outcomes],
    }


def _search_table(outcomes: Sequence[Outcome]) -> str:
    rows = [["found by", *(f"recall@{depth}" for depth in DEPTHS), "MRR"]]
    for way in _ways(outcomes):
        shares = [f"{recall(outcomes, way, depth):.1%}" for depth in DEPTHS]
        rows.append([way, *shares, f"{reciprocal_rank(outcomes, way):.3f}"])
    right = sum(bool(outcome.right) for outcome in outcomes)
    return f"{counted(len(outcomes), 'question')}, {right} of them with an answer in the documents\n\n{_aligned(rows)}"


def _answer_table(asked: Sequence[Outcome], model: str) -> str:
    answerable = [outcome for outcome in asked if outcome.right]
    others = [outcome for outcome in asked if not outcome.right]
    rows = [["right answers", "with an answer", "without one", "all"]]
    for given in GIVEN:
        cells = [_share(_rights(group, given)) for group in (answerable, others, asked)]
        rows.append([WITH[given], *cells])
    worse, better = (len(_changed(asked, better=better)) for better in (False, True))
    change = f"Of {len(asked)} answers, what was retrieved made {worse} worse (right before) and {better} better."
    return f"answers of {model} at temperature 0\n\n{_aligned(rows)}\n\n{change}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        for first, *rest in rows
    )
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _ways(outcomes: Sequence[Outcome]) -> list[Way]:
    """The ways in which all of them were searched."""
    return [way for way in WAYS if outcomes and all(way in outcome.ranks for outcome in outcomes)]


def _asked(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.replies]


def _rights(outcomes: Sequence[Outcome], given: Given) -> list[bool]:
    return [outcome.is_right(given) for outcome in outcomes if given in outcome.replies]


def _share(rights: Sequence[bool]) -> str:
    return f"{sum(rights)} of {len(rights)}" if rights else ""


def _changed(asked: Sequence[Outcome], better: bool) -> list[Outcome]:
    """Those that are right with what was retrieved and wrong without documents, or the other way round."""
    return [each for each in asked if (each.is_right("retrieved"), each.is_right("nothing")) == (better, not better)]


def _outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "line": outcome.question.line,
        "question": outcome.question.text,
        "answers": outcome.question.answers,
        "ranks": outcome.ranks,
        "replies": {given: {"text": text, "right": outcome.is_right(given)} for given, text in outcome.replies.items()},
    }
