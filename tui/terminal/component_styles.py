"""Component styles of a widget, looked up when they are first asked for.

Textual makes a node for each component class of each widget, and makes all of them anew whenever the focus or the
pointer moves: nineteen of twenty nodes of a dialog, of which few are ever asked for. Private parts of Textual, as in
``textual_internals``.
"""

from textual.css.styles import RenderStyles
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode


class ComponentStyles(dict[str, RenderStyles]):
    """Styles by component class: those asked for so far; the others are made when they are."""

    def __init__(self, node: DOMNode, stylesheet: Stylesheet) -> None:
        super().__init__()
        self.node = node
        self.stylesheet = stylesheet

    def __contains__(self, name: object) -> bool:
        return name in self.node._get_component_classes()

    def __missing__(self, name: str) -> RenderStyles:
        virtual = DOMNode(classes=name)
        virtual._attach(self.node)
        self.stylesheet.apply(virtual)
        self[name] = virtual.styles
        return virtual.styles

    def update_rules(self) -> bool:
        """Apply the stylesheet to those asked for; True if that changed any."""
        changed = False
        for styles in self.values():
            before = styles.base.get_rules()
            assert styles.node is not None
            self.stylesheet.apply(styles.node)
            changed |= styles.base.get_rules() != before
        return changed


def style_components_when_used() -> None:
    """Keep the styles of components as ``ComponentStyles``."""

    def process(stylesheet: Stylesheet, node: DOMNode) -> None:
        known = node._component_styles
        if isinstance(known, ComponentStyles) and known.stylesheet is stylesheet:
            if known.update_rules():
                node.refresh()
        elif node._get_component_classes():
            node._component_styles = ComponentStyles(node, stylesheet)

    Stylesheet._process_component_classes = process  # type: ignore[method-assign, assignment]
