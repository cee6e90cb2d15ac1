"""Unicode characters of LaTeX's commands, by name."""

_GREEK = (
    "alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι kappa κ lambda λ "
    "mu μ nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ "
    "psi ψ omega ω Gamma Γ Delta Δ Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω"
)
_OPERATORS = (
    "pm ± mp ∓ times × div ÷ cdot · ast ∗ star ⋆ circ ∘ bullet • oplus ⊕ ominus ⊖ otimes ⊗ oslash ⊘ odot ⊙ wedge ∧ "
    "vee ∨ land ∧ lor ∨ lnot ¬ neg ¬ cap ∩ cup ∪ setminus ∖ sqcap ⊓ sqcup ⊔ uplus ⊎ dagger † ddagger ‡ wr ≀ amalg ⨿ "
    "sum ∑ prod ∏ coprod ∐ int ∫ iint ∬ iiint ∭ oint ∮ bigcap ⋂ bigcup ⋃ bigvee ⋁ bigwedge ⋀ bigoplus ⨁ bigotimes ⨂ "
    "nabla ∇ partial ∂ surd √ infty ∞ propto ∝ angle ∠ perp ⊥ parallel ∥ mid ∣ nmid ∤ forall ∀ exists ∃ nexists ∄ "
    "therefore ∴ because ∵ emptyset ∅ varnothing ∅ complement ∁ top ⊤ bot ⊥ vdash ⊢ models ⊨ dashv ⊣"
)
_RELATIONS = (
    "le ≤ leq ≤ leqslant ≤ ge ≥ geq ≥ geqslant ≥ ne ≠ neq ≠ ll ≪ gg ≫ approx ≈ sim ∼ simeq ≃ cong ≅ equiv ≡ asymp ≍ "
    "doteq ≐ coloneqq ≔ prec ≺ succ ≻ preceq ⪯ succeq ⪰ in ∈ notin ∉ ni ∋ subset ⊂ supset ⊃ subseteq ⊆ supseteq ⊇ "
    "subsetneq ⊊ supsetneq ⊋ sqsubseteq ⊑ sqsupseteq ⊒ triangleq ≜ lt < gt >"
)
_ARROWS = (
    "to → rightarrow → leftarrow ← gets ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ Leftrightarrow ⇔ implies ⇒ "
    "impliedby ⇐ iff ⇔ mapsto ↦ longmapsto ↦ longrightarrow → longleftarrow ← Longrightarrow ⇒ uparrow ↑ downarrow ↓ "
    "updownarrow ↕ Uparrow ⇑ Downarrow ⇓ nearrow ↗ searrow ↘ swarrow ↙ nwarrow ↖ hookrightarrow ↪ hookleftarrow ↩ "
    "rightharpoonup ⇀ leftharpoonup ↼ rightleftharpoons ⇌ leadsto ⇝ xrightarrow → xleftarrow ←"
)
_SIGNS = (
    "ldots … dots … cdots ⋯ vdots ⋮ ddots ⋱ dotsc … dotsb ⋯ prime ′ hbar ℏ ell ℓ Re ℜ Im ℑ wp ℘ aleph ℵ beth ℶ imath ı "
    "jmath ȷ degree ° checkmark ✓ square □ Box □ blacksquare ■ qed □ triangle △ diamond ⋄ lozenge ◊ clubsuit ♣ "
    "spadesuit ♠ flat ♭ natural ♮ sharp ♯ copyright © pounds £ S § P ¶ langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ "
    "rceil ⌉ lvert | rvert | vert | lVert ‖ rVert ‖ Vert ‖ lbrace { rbrace } lbrack [ rbrack ] backslash \\"
)
_PAIRS = " ".join((_GREEK, _OPERATORS, _RELATIONS, _ARROWS, _SIGNS)).split()
SYMBOLS = dict(zip(_PAIRS[::2], _PAIRS[1::2], strict=True))

# Functions, which are written as their names.
_FUNCTIONS = (
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth log ln lg exp lim limsup liminf max min sup inf "
    "arg det dim ker deg gcd hom Pr mod bmod"
)
FUNCTIONS = frozenset(_FUNCTIONS.split())
SPACES = {
    ",": " ", ":": " ", ";": " ", " ": " ", "!": "", "/": "",
    "quad": "\u2003", "qquad": "\u2003\u2003", "thinspace": " ", "enspace": " ", "nobreakspace": " ",
}  # fmt: skip

# Combining characters of accents.
ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0305", "vec": "\u20d7", "dot": "\u0307",
    "ddot": "\u0308", "tilde": "\u0303", "widetilde": "\u0303", "check": "\u030c", "breve": "\u0306",
    "acute": "\u0301", "grave": "\u0300", "underline": "\u0332",
}  # fmt: skip

LETTERS = {
    "mathbb": dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True)),
    "mathcal": dict(zip("BEFHILMR", "ℬℰℱℋℐℒℳℛ", strict=True)),
}
LETTERS["mathscr"] = LETTERS["mathcal"]

RAISED = dict(zip("0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθφχ′ ",
                  "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿᵠᵡ′ ", strict=True))  # fmt: skip
LOWERED = dict(zip("0123456789+-=()aehijklmnoprstuvxβγρφχ ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ ", strict=True))
