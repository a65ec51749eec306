# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""What a line about somebody says: a person's name, a role, an organisation, a place. Known by form and words."""

from __future__ import annotations

import re


def _any_of(*rows: str) -> re.Pattern[str]:
    words = "|".join(word.replace("_", r"\s+") for row in rows for word in row.split())
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w’'])", re.IGNORECASE)


HONORIFIC = re.compile(
    r"(?:the\s+(?:rt\.?\s+|right\s+|most\s+)?(?:hon(?:ou?rable|\.)|reverend)|hon\.|mrs?\.?|ms\.?|mx\.?|dr\.?|prof(?:\.|essor)?"
    r"|rev\.?|rabbi|imam|sir|dame|lord|lady|sen\.|senator|rep\.|representative|gov\.|governor|mayor|minister|president"
    r"|commissioner|secretary|gen\.|sra?\.|srta\.|d\.|dña\.|don|doña|señora?|dr?a\.|herr|frau|m\.|mme|madame|monsieur"
    r"|excmo\.|excma\.|ilm[oa]\.|h\.e\.)\s+(?=[^\W\d_])(?!(?:of|for|to|in|and|de|del|general|emerit\w+)\b)",
    re.IGNORECASE,
)
_ROLE = _any_of(
    "chief ceo cto cfo coo cio officer president presidenta presidente presidency vice[-\\s]president chair chairs",
    "chairman chairwoman chairperson co-chair co-chairs director directora directors co-director head minister",
    "ministra ministro secretary secretaria secretario governor gobernador gobernadora mayor alcalde alcaldesa senator",
    "senador senadora representative representante deputy diputada diputado commissioner comisaria comisario",
    "superintendent attorney_general prosecutor speaker chancellor rector dean professor profesora profesor lecturer",
    "founder founders fundador fundadora co-founder cofounder cofundadora owner partner member miembro manager gerente",
    "coordinator coordinadora coordinador organizer organiser attorney counsel lawyer abogada abogado solicitor",
    "barrister judge fellow researcher investigadora investigador scientist engineer analyst advocate activist author",
    "writer editor journalist reporter pastor bishop treasurer tesorera tesorero trustee portavoz spokesperson",
    "spokeswoman spokesman advisor adviser strategist administrator ambassador embajador embajadora responsable",
    "candidate resident student nurse physician doctor teacher librarian leader delegate vocal jefe jefa",
)
_BODY = _any_of(
    r"inc\.? llc llp ltd\.? limited corp\.? corporation company companies co\. plc gmbh ag s\.a\.? s\.l\.?",
    r"n\.v\.? b\.v\.? \w+\.(?:com|org|net)",
    "foundation foundations fundación fundacion institute instituto university universidad universität université",
    "college school escuela academy center centre centro committee comité council consejo coalition coalición alliance",
    "alianza association asociación asociacion union unión sindicato federation federación league liga network red",
    "organization organisation organización group grupo society sociedad movement movimiento project proyecto campaign",
    "congress congreso senate senado parliament parlamento house_of government gobierno ministry ministerio department",
    "departamento agency agencia authority autoridad bureau board junta commission comisión court tribunal office",
    "oficina police policía bank banco church iglesia hospital press media action watch rights derechos trust fund",
    "fondo plataforma platform collective colectivo observatory observatorio chapter initiative iniciativa",
    "ayuntamiento",
)
_REGION = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]"
    r"|D\.\s?C\.|[A-Z][a-z]+)"
)
_PLACE = re.compile(
    rf"[A-ZÀ-Þ][\w.'’-]*(?:\s[\w.'’-]+){{0,3}},\s+{_REGION}(?:,?\s+\d{{5}}(?:-\d{{4}})?)?(?:,?\s+[A-Z][\w.]+)?"
    r"|[A-ZÀ-Þ][\w.'’-]*(?:\s[\w.'’-]+){0,3},?\s+[A-Z]{1,2}\d[A-Z\d]?\s+\d[A-Z]{2}"
    r"|(?:[A-Z]{1,2}-)?\d{4,6}\s+[A-ZÀ-Þ][\w.'’-]+(?:[\s,]+[\w.'’()-]+){0,4}"
    r"|(?:P\.?\s?O\.?\s+Box|Apartado(?:\s+de\s+correos)?)\s+\d+.*"
    r"|(?:United (?:Kingdom|States(?: of America)?)|USA|U\.S\.A\.|UK|España|Spain|Ireland|Canada|México|Argentina)"
)
_STREET = re.compile(
    r"\d{1,6}[A-Za-z]?\s+[\w.'’ -]{2,60}|(?:Calle|C/|Avenida|Avda\.|Av\.|Plaza|Paseo|Rue|Via)\s.{2,80}"
    r"|.{2,60}(?:straße|strasse|platz|weg)\s+\d+\w?",
    re.IGNORECASE,
)
_NAME = re.compile(
    r"[^\W\d_a-zß-öø-ÿ][\w’'.-]*(?:\s+(?:(?:de|del|de\s+la|da|dos|van|von|der|den|bin|al|el|la|y|e)\s+)*"
    r"(?:[^\W\d_a-zß-öø-ÿ][\w’'.-]*|[A-Z]\.?|“[^”]{1,30}”|\"[^\"]{1,30}\")){1,4}(?:,?\s+(?:Jr|Sr|I{2,3}|IV)\.?)?"
)
_SUFFIXES = re.compile(
    r"\s*(?:inc|llc|llp|ltd|limited|corp|corporation|co|plc|pbc|gmbh|ag|s\.?\s?a|s\.?\s?l|s\.?\s?a\.?\s?s|s\.?\s?c|a\.?\s?c"
    r"|n\.?v|b\.?v|e\.?v|jr|sr|ii|iii|iv|esq|ph\.?\s?d|m\.?d|j\.?d|m\.?p|m\.?e\.?p|obe|cbe|mbe|qc|kc|rn|msw|d\.?phil|dr)\.?\s*"
    r"(?:\([^()]*\))?\s*",
    re.IGNORECASE,
)
_REGION_ALONE = re.compile(rf"\s*{_REGION}(?:\s+\d{{5}}(?:-\d{{4}})?)?\s*")
_STATE_CODE = re.compile(r"\s*(?:[A-Z]{2}|D\.\s?C\.)(?:\s+\d{5}(?:-\d{4})?)?\s*")
_LONGEST = 200


def is_role(text: str) -> bool:
    """Whether ``text`` names what somebody does: "Founder and Chief Executive Officer"."""
    return bool(_ROLE.search(text[:_LONGEST]))


def begins_with_role(text: str) -> bool:
    """Whether one of the first three words of ``text``, before any comma, is a role."""
    first = text[:_LONGEST].partition(",")[0]
    return is_role(" ".join(first.split()[:3])) and not HONORIFIC.match(text)


def is_body(text: str) -> bool:
    """Whether ``text`` holds a word that only an organisation's name holds."""
    return bool(_BODY.search(text[:_LONGEST]))


def is_place(text: str) -> bool:
    """Whether ``text`` is a town with its region, a postal code with its town, a country, or a street."""
    short = text[:_LONGEST]
    if _PLACE.fullmatch(short):
        return not is_role(short) and not re.search(r",\s+(?:Inc|Ltd|LLC|Corp)", short)
    return bool(_STREET.fullmatch(short)) and not is_body(short) and not is_role(short)


def is_person(text: str) -> bool:
    """Whether ``text`` may be a person's name: two to five words with capitals, or anything after an honorific."""
    short = text[:_LONGEST]
    if match := HONORIFIC.match(short):
        return len(short[match.end() :].split()) <= len("12345")
    return bool(_NAME.fullmatch(short)) and not is_body(short) and not is_role(short)


def parts(text: str, separator: str = ",") -> list[str]:
    """``text`` divided at its commas (or another ``separator``), outside parentheses.

    A legal form, a degree or a state's code stays with what it follows: "Example, Inc.", "Seattle, WA".
    """
    found: list[str] = []
    depth = begin = 0
    for at, char in enumerate(text):
        depth = max(0, depth + (char == "(") - (char == ")"))
        if char == separator and not depth:
            found.append(text[begin:at])
            begin = at + 1
    found.append(text[begin:])
    merged: list[str] = []
    for part in found:
        belongs = separator == "," and (_SUFFIXES.fullmatch(part) or _STATE_CODE.fullmatch(part))
        if merged and belongs:
            merged[-1] = f"{merged[-1]},{part}"
        else:
            merged.append(part)
    return [part.strip() for part in merged if part.strip()]
