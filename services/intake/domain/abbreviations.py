"""Says whether a full stop ends a sentence or stands behind an abbreviation. Pure.

An abbreviation that is known ends none. One that is not known looks like a short name ("go by Evac. Order", "the road
to Hope. Leave now."): such an end is taken only where no clearer one is near.
"""

from __future__ import annotations

from enum import IntEnum

import regex


def _words(*lists: str) -> frozenset[str]:
    return frozenset(" ".join(lists).split())


_KNOWN = _words(
    # Streets, places, buildings
    """
    aly anx apt apto app av ave avd avda bch bldg bldgs blvd bnd boul byp bul ch chem circ cir cnty conc cres crk
    crst cswy ctr ctra cty cyn dist div edif esq expy fl flr frwy fwy fy gdn gdns grn hbr hts hwy hway isl jct jl
    jln kab kec lndg lvl mah mtn mtns mtwy mun munic nbhd opas ovps pje pkwy pkwys pky pl plz plza prol psge psj pza
    pça pt pwy rdg reg rg rge rm rnch rod rte rtes riv rue sdrd skwy sok sq sta ste stn sto suc tce ter terr tpk
    tpke trwy tunl twp ul upas urb vill vlg vly xing xrd xrds brgy bgy barr ala alb alta amer ariz ark brit calif
    colo conn eur fla ind kan kans man mich minn mont neb nebr nev nfld okla ont oreg penn penna prov provs qué que
    sask tenn tex wash wis wisc wyo yuk
    """
    # Titles, names, offices
    """
    acad adj adm ald amb asst assn assoc atty attys avv batt benj brig bros capt chas cie cmdr cmdre cmte cncl co
    col comdr comdt comm const cons coop coord corp coun cpl cst dep dept depto depts det dhr dir dirs dott dña dpto
    dra dre edw eliz eng ens esq excmo exmo exec gen geo geom gob gov govt govts gral gng hon hosp hosps hôp ilmo
    ing insp inst intl inż jas jos jr kag lib lic lieut lt ltd ltée maj me messrs mevr mgr mlle mlles mm mme mmes
    mons mr mrs ms msgr mx nat natl offr org orgs parl pfc prés pres presid préf princ prof pte pvt rag rep reps rev
    revd robt saml sch secy sen sens sergt sgt sig sigg soc sr sra sras srta supt surg svc svcs thos treas uds univ
    vda wm woj
    """
    # Days, months, times
    """
    jan feb mar apr jun jul aug sep sept oct nov dec janv fév fevr févr fev avr juill déc aoû mon tue tues wed weds
    thu thur thurs fri sat sun lun mer jeu ven sam dim min mins sec secs hr hrs wk wks wkly yr yrs mos godz std
    nachm vorm
    """
    # What towns write about
    """
    abs abt accom acct addl addr admón advis advt afd agcy agric al allg alloc alt ambul amt anim anm anniv appl
    approp approx appt appx aprox apprx arch arr art atte att attn aufl auj auth aux avail avg bes bijv blz bpk bur
    bv bzgl bzw ca cad canc cap capac cert cf cfr chan civ coll comp cond conf cong conserv consol constr cont
    contd contr conv corr crim cust dcha deg degs del deleg desc dest diam distr discont disc dup dupl ecc ecol econ
    ed éd educ ee ehem einschl elec electr elem elev emer emerg encl entspr enr env envir enz equip équip equiv esp
    est estab étab estd etc evac évac eval evt evtl ex exc excl exch ext extn fac facil fasc fax fem fig figs foll
    fraz freq furn geb gegr gem geog geol gez ggf guar hab hbf hdqrs hist hort hydr ident illus imm imp impt inc
    incid incl incorp indep indiv indus inf inkl inq ins insb instr int interv inv irr itd itp izda izq izqdo jour
    juv kap kath km lang lat legis liq lit loc long mach mag maint manuf max máx mdse meas mech med mem memb mfg
    mgmt mi mil mind mín mio misc mod mrd mus nav neg niv no nos np nr num núm obs obit occ occas ofc offic op oper
    opp ord orig örn oz pag pág págs párr pav pct pen perm pers pert phys pkg pkgs plur pmt pol pos poss poste postp
    pp precip pref prelim prep prev priv prob probs proc prod prog proj prop props pron prot psych publ qtr qty quad
    ques quot rcvd re rec recd recip rect ref réf refs rég regs regt rel relig rens repr req reqd res resid resp ret
    retd rgt sched sci sdad sect sem sept seq serv sess sez sog spec specs spt srgt stat sub subj subst
    suff supp suppl supr surv syll sym syn syst tägl tbsp tech techn tel tél telec telf telp temp tfno theat tlf
    topog trad trans transf transl transp trav trib trop tsp tys tzn ud ult uu ungef urg usu usw util val var veh
    vehs vers vgl vid viz voc vol vols vs warr wg wt yd yds zool zzgl nördl südl östl westl öffentl bkz św
    """
    # Russian, Ukrainian, Greek
    """
    авт акад бул бульв буд вв вул г гг гл грн д дер див доб долл доц др зам им инж каб кв коп корп мин млн млрд мкр
    моб наб напр нач обл оф пер пл пос пр прим пров просп проф ред рис руб сек сел см смт сот ср ст стр табл тел тис
    тыс ул факс хв хут чел чл ш шос эл эт αγ αρ βλ δηλ λεωφ οδ πλ τηλ χλμ
    """
    # Punjabi, Hindi, Marathi
    """
    ਡਾ ਨੰ ਪ੍ਰੋ ਕਿ ਮੀ ਮਿ ਰੁ ਇੰਜ डॉ डा श्री नं पं प्रो कि मी मि रु सं दि सौ कु इंजि क्र
    """,
)
"""CLDR's suppressions, the postal services' street words, and what Canadian towns write in their languages."""
_KNOWN_WITH_CAPITAL = _words(
    """
    Ad Admin Can Cell Com Con Cor Dem Dom Fed Fin Fred Gal Grad Ill Info Intro Is La Lab Log Mass Metro Mid Miss Ops
    Ore Pa Para Pub Rec Sec Tot TP Vac Vet Ông Bà
    """
)
"""Words as well: "for more info." ends a sentence, "see Info. Centre" does not."""
_LAST_WORD = regex.compile(r"[\p{L}\p{M}]+(?=\.$)")
_OPEN = r"""(?:^|[\s(«“"'\[/-])"""
_SYLLABLES = r"[\p{Hangul}\p{Han}\p{Hiragana}\p{Katakana}\p{Ethiopic}\p{Canadian_Aboriginal}\p{Cherokee}\p{Vai}\p{Yi}]"
"""Scripts whose single letter may be a whole word."""
_LETTERS = regex.compile(rf"(?i){_OPEN}(?:(?!{_SYLLABLES})\p{{L}}|\p{{L}}{{1,2}}(?:\.\s?\p{{L}}{{1,4}})+)\.$")
"""An initial, or several: "p.m.", "EE. UU." """
_WITHOUT_VOWEL = regex.compile(rf"{_OPEN}(?!\p{{Lu}}{{2}})[B-DF-HJ-NP-TV-XZb-df-hj-np-tv-xz]{{2,6}}\.$")
"""Mt, Blvd, Trl, Mrs; not in capitals: "Call the RCMP. Leave now." """
_UNSPACED = regex.compile(r"(?<![\p{Thai}\p{Lao}])[\p{Thai}\p{Lao}]{1,5}\.$")
"""Thai and Lao write the full stop behind abbreviations."""
_INDIC = r"[\p{Devanagari}\p{Gurmukhi}\p{Bengali}\p{Gujarati}\p{Oriya}]"
_INDIC_WORD = regex.compile(rf"(?P<short>(?<!{_INDIC}){_INDIC}{{1,4}}\.$)|{_INDIC}\.$")
_DANDAS = ("।", "॥")
"""Where a text ends its sentences with a danda, its full stops mostly stand behind abbreviations."""
_BARE_NUMBER = regex.compile(r"(?:^|[\s(])(?![2-9]11\.)\p{Nd}{1,3}\.$")
"""An item's or a street's number; "Call 911." is a sentence."""
_GOES_ON = regex.compile(r"\s*\p{Ll}")
_LIKE_A_NAME = regex.compile(r"""(?<=[^\s.!?…:][\s(«“"'\[/-]+)\p{Lu}\p{Ll}{1,5}\.$""")
"""A short word with a capital within a sentence."""
_AFTER_A_SHORT_FORM = regex.compile(r"\s*[\p{Nd}#&+/]")
"""A sentence seldom begins so: "cell. 604-555-0199"."""
_BEFORE = 14
"""Characters before a sentence's end that are looked at for an abbreviation."""


class SentenceEnd(IntEnum):
    """How sure it is that a sentence ends at a mark."""

    NONE = 0
    PERHAPS = 1
    CLEAR = 2


def end_at(text: str, mark: int, goes_on: int) -> SentenceEnd:
    """Say how sure it is that a sentence ends with the mark before ``mark``; text goes on at ``goes_on``."""
    before = text[max(0, mark - _BEFORE) : mark]
    if not before.endswith("."):
        return SentenceEnd.CLEAR
    if _abbreviated(before) or _BARE_NUMBER.search(before) or _GOES_ON.match(text, goes_on):
        return SentenceEnd.NONE
    if (indic := _INDIC_WORD.search(before)) and any(danda in text for danda in _DANDAS):
        return SentenceEnd.NONE if indic["short"] else SentenceEnd.PERHAPS
    if _LIKE_A_NAME.search(before) or _AFTER_A_SHORT_FORM.match(text, goes_on):
        return SentenceEnd.PERHAPS
    return SentenceEnd.CLEAR


def _abbreviated(before: str) -> bool:
    last = _LAST_WORD.search(before)
    if last and (last.group().lower() in _KNOWN or last.group() in _KNOWN_WITH_CAPITAL):
        return True
    return any(kind.search(before) for kind in (_LETTERS, _WITHOUT_VOWEL, _UNSPACED))
