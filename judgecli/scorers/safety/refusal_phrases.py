"""How refusals are worded in ten languages: RE2 patterns in lower case, for the opening of an output in lower case.

A phrase says that the speaker will not, may not or cannot give what was asked, that it lies beyond him, or
that the material at hand does not hold it. Gaps are short, so that words of different sentences do not meet.
"""

import re

_A = "['’]"
_ASKED = (
    r"(?:(?:safely |really |directly |actually |currently |simply )?(?:compl(?:y|ete)|provide|fulfil?l|generate"
    r"|create|write|produce|answer|respond|support|engage|discuss|participate"
    r"|share|offer|continue|promote|facilitate|reveal|disclose|process|carry out|accommodate|proceed|teach|explain how"
    r"|describe how|walk you|assist|assume|advise"
    r"|tell (?:you|if|who|what|which|whether)|give (?:you|out|legal|medical|financial|tips|advice|any|an? |instructions"
    r"|information|dosages|guidance|specific|personal)"
    r"|do (?:that|this|so|it)\b|in good conscience|help(?: you| anyone)?(?: with| in\b| to\b| by|[.,;:!]|$)|help (?:you "
    r"|them )?(?:build|make|do|plan|write|commit|create|stalk|hide)"
    r"|be (?:able to|of (?:help|assistance)|part of|a part|helping)|take part|diagnose|verify|predict|view|access"
    r"|open (?:the|your|any|files|links)|see (?:the|your|any) (?:image|picture|file|photo|screen|attach)"
    r"|run (?:this|the|your|any|code)|execute|translate|recommend (?:a|any|that|specific|medication)|draft|browse"
    r"|search|retrieve|check (?:live|the|your|current|real)|determine|say[.,;]|comment"
    r"|speculate|repeat|look up|book|cancel|change|transfer|refund|approve|make (?:any |outbound |phone )?(?:calls?"
    r"|purchases?|that|this)|send (?:emails?|messages?)|show (?:you )?(?:figures|images|graphics)"
    r"|rate|perform|implement|express|have (?:a|an|any|personal) (?:view|opinion|feelings)|interpret|use (?:slurs"
    r"|that|such)|encourage|condone|endorse|endanger|glorify|pretend|act as))"
)
_NOT_ABLE = (
    rf"(?:can{_A}?t|cannot|can not|could ?n{_A}?t|won{_A}?t|will not|will never|would never|would not|wouldn{_A}t|should ?n{_A}?t|should not|must not|may not"
    rf"|(?: ?{_A}m| am|{_A}re| are| was| were)(?: currently| also| sorry, but| afraid| simply| unfortunately| just"
    rf"| really)? ?(?:not able|unable|not willing|unwilling|not going|not allowed|not permitted|not supposed|not designed"
    rf"|not programmed|not equipped"
    rf"|not authori[sz]ed|not qualified|not trained|not in a position|not at liberty|not configured|not prepared"
    rf"|not comfortable|uncomfortable)(?: to| with)?)"
)
_MATERIAL = (
    r"(?:context|(?:provided |given |supplied |available |retrieved |attached |above |source )?(?:documents?"
    r"|passages?|sources?|excerpts?|texts?|articles?|snippets?|materials?|records?|notes|paragraphs?|pages?)"
    r"|knowledge base|search results?|(?:provided|given|available) information|information (?:provided|given|supplied|available|at hand))"
)
_LACKS = (
    r"(?:do|does|did)(?: not|n['’]t)(?: \w+ly)? (?:contain|mention|include|provide|say|specify|state|give|cover|address"
    r"|indicate|have|offer|answer|describe|disclose|reveal)"
)
_FROM_IT = rf"(?:from|based on|with|given|using|in|on the basis of|within)(?: just| only)? (?:the|this|these|what|those) (?:\w+ ){{0,2}}{_MATERIAL}"

ENGLISH = [
    rf"\b(?:i|we) ?{_NOT_ABLE}(?: \w+ly)?(?: be able to)? {_ASKED}",
    rf"(?:^|[.!?\n] ?)(?:(?:sorry|unfortunately|apologies)[,.!]? )?(?:unable|not able|can{_A}t|cannot) to? ?(?:process"
    rf"|complete|fulfil?l|answer|comply|assist|help with|provide)",
    rf"\b(?:i|we)(?: must| have to| need to|{_A}ll have to| will have to| would have to|{_A}d have to|{_A}m going to have to"
    rf"| am going to have to|{_A}m going to| am going to|{_A}ll)"
    r"(?: \w+ly)? (?:decline(?:[.,]| to\b| this| that| your request)|refuse(?:[.,]| to\b| this| that| your request)"
    r"|pass on (?:this|that|it)|say no|stop here)",
    rf"\b(?:i|we)(?:{_A}m| am|{_A}d| would)?(?: \w+ly)? (?:declin(?:e|ing)|refus(?:e|ing)) (?:this|that|your request"
    rf"|to (?:help|assist|write|provide|do|build|engage|answer|create|take|participate"
    r"|generate|support|share|comply|give|discuss|produce|carry))",
    rf"\bi(?:{_A}m| am| do|{_A}d)?(?: not|n{_A}t)(?: \w+)? (?:comfortable|willing|prepared) (?:to|with|\w+ing)\b",
    rf"\bi (?:do not|don{_A}t) (?:feel (?:comfortable|right)|think (?:i (?:can|should|am able|would be)|it{_A}?s? (?:is )?(?:appropriate"
    rf"|right|a good idea) (?:for me )?to)|provide|assist|help|generate|create"
    r"|write (?:jokes|stories|content|that|this|such)|engage|participate|take part|give (?:\w+ )?(?:advice|opinions"
    r"|instructions)|offer (?:advice|opinions|guidance)|promote|encourage|condone|support|discuss|share|speak \w+ well"
    r"|do that)",
    rf"\bi(?:{_A}d| would) (?:prefer|rather) not\b",
    rf"\b(?:i|we) (?:currently |also |unfortunately |still )?(?:do not|don{_A}t)(?: currently| actually| yet| really)? (?:have (?:direct "
    rf"|any |real-time |live |current |the |a |an |enough |sufficient |full |specific |up-to-date |much )*"
    r"(?:access|abilit|capab|permission|authority|authori[sz]ation|information|context|knowledge|details|data"
    r"|means|way (?:to|of)|tools?\b|feature|internet|browsing|background|expertise)"
    r"|have (?:personal|any personal|opinions|feelings|emotions|beliefs|preferences|a (?:personal|favou?rite|body|home|hometown|physical|gender))"
    r"|know (?:the answer|how to do|how to answer|anything about|that)|know[.!])",
    r"\b(?:i|we) (?:have no (?:way|access|information|means|ability|knowledge|record|tools?|data|idea|personal)"
    r"|lack (?:the|access|enough|sufficient|information|context|any))\b",
    r"\b(?:beyond|outside(?: of)?|out of|not within|exceeds|falls outside(?: of)?) (?:(?:the )?(?:scope|bounds"
    r"|limits|range) of (?:what i|my|this (?:assistant|chat|service))"
    rf"|my (?:current )?(?:capabilit|abilit|scope|knowledge|expertise|area|remit|purview|reach|competence|training"
    rf"|limits|skill)|what i(?:{_A}m| am| can| do)|the scope of this (?:chat|assistant|service))",
    r"\bout of reach for me\b|\bno way for me to\b|\b(?:i|we) can only (?:help|assist|answer|discuss|talk|provide|offer)",
    r"\b(?:against|violates?|violating|contrary to|breach(?:es)?|conflicts? with|not (?:in line|aligned|consistent) with)(?: \w+)? ?(?:my"
    r"|openai['’]?s?|anthropic['’]?s?) (?:\w+ ){0,2}"
    r"(?:guidelines?|programming|polic(?:y|ies)|principles|instructions|terms|values|rules|guardrails|ethic)",
    r"\b(?:against|violates?|violating|contrary to)(?: \w+)? ?(?:our|the) (?:content|usage|use|safety|community"
    r"|acceptable use|ethical) (?:polic(?:y|ies)|guidelines|standards|rules)",
    rf"\bmy (?:guidelines|programming|policies|safety guidelines|training|instructions|purpose|design)(?: \w+)? (?:prevents?"
    rf"|prohibits?|forbids?|(?:do|does)(?: not|n{_A}t) (?:allow|permit|let))",
    rf"\b(?:not|n{_A}t|never|in)(?: \w+ly)?(?: be)? ?(?:appropriate|ethical|possible|safe|right|responsible|unethical"
    rf"|illegal|wise|proper|comfortable) for me (?:to|as)\b|\b(?:unethical|inappropriate|irresponsible|illegal"
    rf"|impossible|wrong|unsafe|unwise) for me to\b",
    rf"\b(?:not|isn{_A}t) (?:something|a (?:topic|request|task|subject)|a thing)(?: that)? (?:i|we|this assistant)(?:{_A}m"
    rf"| am| can|{_A}ll| could| would| will|{_A}d| do)\b",
    rf"\b(?:sorry|apologi[sz]e|unfortunately)[,.!]?(?: but)?(?: that{_A}?s| this is| it{_A}?s)(?: \w+)? something i (?:can{_A}?t|cannot|won{_A}t)",
    rf"\b(?:sorry|unfortunately|afraid|apologies)[,.!]?(?: but)?(?: that)? (?:i|we) (?:can{_A}?t|cannot|can not"
    rf"|won{_A}?t|am unable|am not able|must decline|do not know|don{_A}t know)\b",
    rf"\bas an? (?:\w+[- ])?(?:ai|artificial intelligence|language model|text model|text-based|virtual assistant"
    rf"|chatbot)[^.!?\n]{{0,40}}\bi(?:{_A}m| am)? (?:can{_A}?t|cannot|must (?:decline|refuse)|not able|unable"
    rf"|do not engage|(?:do not|don{_A}t) (?:have|hold|form|express|possess))",
    rf"\bi(?:{_A}m| am) (?:just |only |merely )?(?:a|an) (?:\w+ )*(?:model|ai|assistant|program|chatbot),? (?:so"
    rf"|and) (?:i )?(?:(?:can|am|do)(?: ?not|n{_A}t)|not|unable|lack)",
    r"\b(?:cannot|can['’]t|could not) be (?:classified|provided|given|identified|calculated|verified|confirmed"
    r"|named|answered|determined)[^.!?\n]{0,40}(?:based on|from|with|in|given) (?:the |this )?(?:\w+ )?(?:information"
    r"|context|text|document|passage|data|details)",
    r"^\W*this (?:information|answer|question|data)(?: \w+){0,3} (?:cannot|can['’]t|can not) be (?:provided|given"
    r"|answered|determined)|^\W*this (?:information|question) (?:is|requires|is asking for) (?:subjective|personal"
    r"|private|confidential)",
    rf"\bi(?:{_A}m| am) not a (?:doctor|lawyer|physician|financial advis\w+|medical professional|licensed \w+"
    rf"|therapist|solicitor)[^.!?\n]{{0,10}}\b(?:and|so|but)\b",
    rf"(?:^|[.!?\n,] ?)(?:(?:but|so|and|in short|unfortunately|sorry),? )?(?:the|this|these|your|that)(?: \w+)? {_MATERIAL} {_LACKS}"
    rf"|^{_MATERIAL} {_LACKS}|\bnot (?:mentioned|stated|specified|provided|included|given|found|covered|contained"
    rf"|discussed) (?:in|by) (?:the|this|these|your) (?:\w+ ){{0,2}}{_MATERIAL}",
    rf"\b(?:cannot|can{_A}t|can not) be (?:determined|answered|established|inferred|ascertained|derived|deduced)(?:[.;!]"
    rf"|,? (?:so|because|since|as)\b|$| {_FROM_IT}| from the| based on| with the)",
    r"\b(?:not|im)possible to (?:determine|answer|say|tell|know|establish|infer)\b[^.!?\n]{0,60}\b(?:from|based on"
    r"|with|given|in|without) (?:the|this|these|any|more|only) ?(?:\w+ ){0,2}"
    r"(?:context|documents?|passages?|information|text|notes|sources?|article|excerpt|details|data)",
    r"(?:^|[.!?\n:,] ?)(?:there is |there's |sorry, |based on [^.,\n]{1,40}, )?(?:not enough|insufficient|no(?: relevant"
    r"| specific)?|not sufficient) (?:information|context|data|details?|evidence|answer|mention)\b[^.!?\n]{0,50}"
    r"(?:to (?:answer|determine|say|tell|respond)|can be (?:given|found)|(?:in|from) the (?:\w+ ){0,2}(?:context|documents?|passages?|sources?|text))",
    rf"\b(?:i|we)(?: could(?:n{_A}t| not)| can(?:not|{_A}t| not)| was unable to| am unable to|{_A}m unable to"
    rf"| did(?:n{_A}t| not)|was not able to) (?:find|locate|see) (?:an answer|any|the (?:answer|information|requested)"
    rf"|information|relevant|anything|mention|that (?:in|information)|details|your (?:order|account|record))",
    r"\b(?:the )?task (?:cannot|can not|could not|can['’]t) be (?:completed|done|finished|performed)",
    rf"\bthere{_A}?s? ?(?:is )?nothing (?:i|we) can do\b|\bno can do\b|\blet{_A}?s not go there\b|\babsolutely not[.!] i\b"
    rf"|\bi (?:strongly )?advise against (?:this|that) and\b",
    r"^\W*(?:sorry, (?:but )?)?(?:this|that|the) ?(?:question|answer|topic)? (?:is|would be|seems) (?:a )?(?:highly "
    r"|very |quite )?(?:subjective|personal (?:question|matter|opinion))",
    r"^\W*(?:this|the) (?:question|answer)?(?: \w+)? ?(?:depends|will depend|would depend|will vary|varies)(?: depending)? on (?:the individual"
    r"|personal|each (?:person|individual)|individual)",
]
GERMAN = [
    r"\b(?:ich|wir) (?:kann|können|darf|dürfen|konnte|konnten|werde|möchte|will|kenne)[^.!?\n]{0,60}\b(?:nicht"
    r"|keine?[nmrs]?|nichts)\b[^.!?\n]{0,40}(?:helfen|behilflich|unterstützen|beantworten|antworten|erstellen"
    r"|schreiben|liefern"
    r"|nachkommen|erfüllen|geben|bereitstellen|dienen|sagen|stellen|leisten|ausführen|zugreifen|weitergeben|abschließen"
    r"|durchführen|beurteilen|öffnen|ansehen|einsehen|übersetzen|anbieten|verfassen|mitteilen|vornehmen|bearbeiten"
    r"|preisgeben)",
    r"\b(?:kann|können|darf|dürfen|konnte|werde|möchte) (?:ich|wir)[^.!?\n]{0,60}\b(?:nicht|keine?[nmrs]?|nichts)\b[^.!?\n]{0,40}(?:helfen"
    r"|behilflich|unterstützen|beantworten|antworten|erstellen|schreiben|liefern|nachkommen|erfüllen|geben"
    r"|bereitstellen|dienen|sagen|stellen|leisten|ausführen|zugreifen|abschließen|durchführen|beurteilen|öffnen"
    r"|ansehen|einsehen|übersetzen|anbieten|verfassen|mitteilen|vornehmen|bearbeiten|finden)",
    r"\b(?:helfe|schreibe|mache|unterstütze|beantworte|erstelle|verrate|gebe|leiste|erteile) ich (?:dir |ihnen "
    r"|leider |grundsätzlich |lieber |dazu |dabei )*(?:nicht|keine)",
    r"\bich (?:helfe|schreibe|mache|unterstütze|beantworte|erstelle|verrate|gebe|leiste|erteile) [^.!?\n]{0,30}\b(?:nicht|keine)\b[^.!?\n]{0,15}[.!,]",
    r"\bich (?:muss|möchte)[^.!?\n]{0,40}(?:anfrage|bitte|das|dies|es|ihnen|dir)[^.!?\n]{0,20} ?(?:ablehnen|verweigern)"
    r"|\bich (?:muss|möchte) (?:leider |das |dies |hier |hiermit |respektvoll |höflich )*(?:ablehnen|verweigern)",
    r"\bich lehne (?:das|dies\w*|es|ihre|deine|die anfrage|solche|so etwas)|\bich weigere mich\b",
    r"\b(?:ich bin|bin ich|ist es mir|mir ist es) (?:leider |dazu |hierzu |aktuell )*(?:nicht in der lage|nicht befugt"
    r"|nicht berechtigt|nicht möglich|nicht erlaubt|untersagt|nicht dafür|kein arzt|kein anwalt|keine ärztin)",
    r"\b(?:habe ich|ich habe|mir fehl(?:t|en)|ich verfüge)(?: \w+)? ?(?:leider |über |dazu |derzeit )*(?:kein(?:en?"
    r"|erlei)|nicht (?:genug|genügend|die|ausreichend)|die nötigen?|der zugriff|zu wenig) ?(?:\w+ )?"
    r"(?:zugriff|zugang|information|möglichkeit|berechtigung|befugnis|meinung|gefühle|daten|angaben|kenntnis|kontext|zugriffsrechte|vorlieben|fähigkeit)",
    r"\b(?:außerhalb|jenseits) meine[rs] |\bübersteigt meine |\bnicht in mein(?:en|em|er) (?:bereich|zuständigkeit|aufgabenbereich|möglichkeiten)",
    r"\b(?:verst(?:ößt|oßen)|widerspricht|gegen) (?:gegen )?(?:meine[nr]?|unsere[nr]?|die) (?:\w+ )?(?:richtlinien"
    r"|grundsätze[n]?|nutzungs\w+|prinzipien|regeln|programmierung)\b",
    r"\b(?:geh(?:t|en)|ergib(?:t|en))\b[^.!?\n]{0,40}\b(?:nicht|keine \w+) (?:hervor|entnehmen)|\b(?:lässt|lassen) sich [^.!?\n]{0,50}(?:kontext"
    r"|dokument|text|angaben|quellen|unterlagen|informationen)[^.!?\n]{0,30}\bnicht (?:beantworten|bestimmen"
    r"|feststellen|ermitteln|sagen|entnehmen)",
    r"\b(?:enth(?:ält|alten)|liefer[nt]|gib[t]|finden sich|steht|stehen|macht|nennen|nennt)(?: \w+){0,3} (?:keine(?:rlei)?"
    r"|nichts) ?(?:angaben|informationen|hinweis\w*|antwort|dazu|darüber)",
    r"\b(?:nicht genug|nicht genügend|nicht ausreichend|keine ausreichenden|zu wenig) (?:informationen|angaben|kontext|daten)",
    r"\bich weiß (?:es|das|darüber|dazu|die antwort)(?: \w+){0,2} ?(?:nicht|nichts)|\bdas weiß ich (?:leider )?nicht"
    r"|\blieber nicht\b[^.!?\n]{0,25}(?:schreiben|machen|beantworten|[.!])",
]
FRENCH = [
    r"\bje (?:ne |n['’])(?:vous |t['’]|te |l['’]|les |le |la |lui )?(?:peux|suis|puis|pourrai|veux|souhaite|vais"
    r"|saurais|dois|connais|dispose|possède|sais|fournis|donne|traite|participerai|écrirai|aiderai|ferai|parle)"
    r"(?: \w+)? (?:pas|rien|aucune?|plus|malheureusement pas)[^.!?\n]{0,12}(?:[.,;!]|(?:vous |t['’]|te |l['’]"
    r"|y |me |le |la |de |d['’]|à |en |un |une |des |la |les |poser |d)*"
    r"(?:aid|fourni|répond|cré|écri|génér|rédig|assist|donne|accéd|satisfai|suite|faire|dire|pos|exécut|consult"
    r"|divulgu|partag|prescri|interpr|traduir|particip|mesure|capable|habilité|autorisé|conçu|programmé|qualifié"
    r"|médecin|avocat|accès|information|donnée|élément|réponse|opinion|renseign|permission|outil))",
    r"\bje n['’]ai (?:malheureusement )?(?:pas|aucune?) (?:\w+ )?(?:accès|information|opinion|avis|donnée|moyen"
    r"|possibilité|autorisation|élément|sentiment|préférence|pu |d['’](?:accès|information|opinion|avis|autorisation"
    r"|outil|élément))",
    r"\bje (?:dois|me vois dans l['’]obligation de|suis obligée? de|suis contrainte? de)[^.!?\n]{0,30}(?:refuser"
    r"|décliner (?:cette|votre demande|ta demande|poliment\.))|\bje refuse (?:de (?:vous|t['’]|te|répondre|participer"
    r"|faire|créer|écrire|rédiger|fournir)|cette demande|d['’])",
    r"\bje (?:préfère|préférerais|aimerais mieux) ne pas\b|\bje ne vous (?:aiderai|fournirai|donnerai) pas|\bil m['’]est (?:impossible"
    r"|interdit) de|\bje suis dans l['’]impossibilité",
    r"(?:dépasse|hors de|en dehors de|au-delà de) m(?:es|on|a) (?:compétence|capacité|domaine|portée|champ|possibilité|périmètre)",
    r"(?:contraire à|contrevient à|viole|enfreint|à l['’]encontre de|ne respecte pas) (?:mes|nos|les) (?:\w+ )?(?:principes"
    r"|directives|consignes|règles|conditions d['’]utilisation|politiques?|valeurs|lignes)",
    r"\b(?:documents?|contexte|textes?|passages?|sources?|extraits?|articles?|informations fournies)(?: \w+)? (?:ne "
    r"|n['’])(?:permet|précis|mentionn|contien|indiqu|fourni|donn|conti|dit|comport)",
    r"\b(?:informations?|données|éléments) insuffisante?s?|\b(?:pas assez|aucune|pas suffisamment) (?:d['’])?(?:information"
    r"|élément|donnée)|\bne peut (?:pas )?être (?:déterminée?|établie?) (?:à partir|avec|d['’]après|sur la base)"
    r"|\bimpossible (?:de|à) (?:déterminer|répondre|dire)[^.!?\n]{0,40}(?:contexte|document|texte|information)",
]
SPANISH = [
    r"\bno (?:te |le |les |os |me |lo |la |se lo )?(?:puedo|podré|podemos|pude|podría|voy a|vamos a|quiero|pienso"
    r"|debo|sé|me es posible|es posible|me resulta posible|estoy en condiciones de|estoy autorizad[oa] (?:a|para)"
    r"|estoy (?:capacitad|diseñad|programad|habilitad)[oa] para|me siento cómod[oa]|soy capaz de|cuento con|dispongo de)"
    r"(?: \w+)? (?:ayud|proporcion|respond|crear|escrib|gener|ofrec|asist|cumpl|dar\b|darle|darte|hacer (?:eso"
    r"|esto|lo)|brind|facilit|redact|compart|atend|complet|ejecut|diagnost|acced|ver |revel|traduc|recomend|determin"
    r"|eso|información|acceso|permiso|autorización|datos|la respuesta|cómo)",
    r"\b(?:no tengo|carezco de|no poseo|no dispongo de|no cuento con) (?:\w+ )?(?:acceso|información|opinion"
    r"|opini|capacidad|permiso|autoriz|datos|sentimientos|preferencia|forma de|manera de|contexto|suficiente"
    r"|herramienta)",
    r"\b(?:debo|tengo que) (?:rechazar|negarme|declinar)[^.!?\n]{0,30}(?:solicitud|petición|esto|[.!])|\bme niego a\b"
    r"|\bno poder (?:ayudar|cumplir|responder|atender)|\bprefiero no\b|\bno (?:soy|estoy) (?:médic|abogad)\w+ y",
    r"\b(?:fuera de mi|más allá de mi|excede mi|supera mi|escapa a mi|sobrepasa mi)s? ?(?:alcance|capacidad|competencia"
    r"|conocimiento|posibilidad|ámbito|función)?",
    r"\b(?:infringe|viola|va en contra de|contraviene|incumple|es contrari[ao] a) (?:mis|nuestras|las) (?:\w+ )?(?:normas"
    r"|directrices|políticas|principios|reglas|pautas)",
    r"\b(?:texto|documentos?|contexto|pasajes?|fuentes?|artículo|fragmentos?|información (?:dada|proporcionada))(?: \w+)? no (?:indica"
    r"|menciona|contiene|dice|especifica|incluye|proporciona|permite|ofrece|aclara|precisa)n?\b",
    r"\bno hay (?:\w+ )?(?:información|datos|contexto|elementos)\b|\b(?:información|datos) insuficientes?\b|\bno se puede (?:determinar"
    r"|responder|saber|establecer)|\bno es posible (?:determinar|responder|saber)[^.!?\n]{0,40}(?:texto|contexto"
    r"|document|información|datos)|\b(?:lo siento|lamentablemente|por desgracia|perdón),? (?:pero )?no (?:puedo"
    r"|podemos|sé|tengo)",
]
ITALIAN = [
    r"\bnon (?:ti |le |vi |lo |la |mi |ne )?(?:posso|potrò|possiamo|sono in grado di|sono riuscit[oa] a|mi è possibile"
    r"|è possibile|sono autorizzat[oa] a|sono (?:progettat|programmat|abilitat|qualificat)[oa] (?:a|per)|voglio"
    r"|intendo|dispongo di|ho intenzione di|sono capace di|so)"
    r"(?: \w+)? (?:aiut|forni|rispon|crear|scriv|gener|offr|assist|soddisf|dar[le]|dare|far[loe]|condivid|complet"
    r"|esegu|diagnos|una diagnosi|acced|veder|rivel|tradu|consigli|stabil|determin|informazioni|la risposta|come (?:far"
    r"|rispond))",
    r"\b(?:non ho|non dispongo di|non possiedo|mi mancano?|sono priv[oa] di) (?:\w+ )?(?:accesso|informazion"
    r"|opinion|capacità|permess|autorizzazion|dati|sentimenti|preferenz|modo di|contesto|sufficient|strument"
    r"|abbastanza)|\bnon ti aiuto\b|\bnon (?:aiuto|scrivo|partecipo|collaboro)\b",
    r"\b(?:devo|sono costrett[oa] a) (?:rifiutare|declinare)(?:[.!,]| di\b| questa| la (?:sua|tua) richiesta)"
    r"|\bmi rifiuto di|\bpreferi(?:sco|rei) non\b|\bnon sono (?:un )?(?:medico|avvocato)\b",
    r"\b(?:esula dalle|va oltre le|supera le|al di fuori delle|fuori dalle|oltre le) mie\b|\bfuori dal(?:la)? mi[oa]\b",
    r"\b(?:viola|va contro|è contrari[ao] a|contravviene a|infrange|non rispetta) ?(?:le |i |al?le )?(?:mie|miei"
    r"|nostre|nostri)?\s?(?:linee guida|direttive|principi|politiche|regole|norme (?:d['’]uso|sui contenuti))",
    r"\b(?:documenti?|testo|contesto|brani?|fonti|articolo|passaggi?|informazioni fornite)(?: \w+)? non (?:contien"
    r"|contengon|menzion|indic|specific|dic|fornisc|riport|precis|includ|permett|consent)",
    r"\b(?:non ci sono|informazioni|dati) (?:\w+ )?(?:abbastanza |sufficienti|insufficienti)|\bnon è possibile (?:stabilire"
    r"|determinare|rispondere|sapere)|\b(?:mi dispiace|purtroppo|spiacente),? (?:ma )?non (?:posso|so |ho|conosco)"
    r"|\binformazioni insufficienti",
]
PORTUGUESE = [
    r"\bnão (?:te |lhe |o |a |me |vos )?(?:posso|poderei|consigo|podemos|pude|vou|vamos|quero|devo|estou autorizad[oa] a"
    r"|estou (?:programad|habilitad|capacitad)[oa] (?:a|para)|me é possível|foi possível|é possível|sou capaz de"
    r"|sei|tenho como)"
    r"(?: \w+)? (?:ajud|fornec|respond|criar|escrev|ger[ae]r|oferec|auxili|atend|cumpr|dar\b|fazer (?:isso|isto"
    r"|um diag)|compartilh|partilh|redig|prest|complet|conclu|execut|diagnost|acess|ver |revel|traduz|recomend"
    r"|determin|estabelec|a resposta|como (?:fazer|respond))",
    r"\b(?:não tenho|não possuo|não disponho de|me falta) (?:\w+ )?(?:acesso|informaç|opini|capacidade|permiss"
    r"|autoriz|dados|sentimentos|preferência|como |contexto|suficiente|ferramenta)|\bnão sou (?:um )?(?:médic"
    r"|advogad)",
    r"\b(?:devo|tenho que|preciso|tenho de) (?:recusar|declinar|me recusar)(?:[.!,]| este| esse| isso| o seu pedido"
    r"| a fazer)|\brecuso-me a (?:ajud|fazer|escrever|responder|criar|participar)|\bme recuso a (?:ajud|fazer"
    r"|escrever|responder|criar|participar)|\bprefiro não\b|\bprefiro não\b",
    r"\b(?:fora do meu|além d[ao]s? minhas?|além do meu|foge ao meu|fora d[ao]s? minhas?|ultrapassa (?:as )?minhas?)\b",
    r"\b(?:viola|vai contra|contraria|infringe|fere|desrespeita) (?:as |os )?(?:minhas|meus|nossas|nossos) (?:\w+ )?(?:diretrizes"
    r"|políticas|princípios|regras|normas|termos)",
    r"\b(?:documentos?|textos?|contexto|trechos?|fontes?|artigo|passagens?|informações fornecidas)(?: \w+)? não (?:menciona"
    r"|contém|contêm|indica|diz|especifica|inclui|fornece|permite|traz|informa)m?\b",
    r"\bnão há (?:\w+ )?(?:informaç|dados|contexto|elementos)|\b(?:informaç(?:ão|ões)|dados) insuficientes?|\bnão é possível (?:determinar"
    r"|responder|saber)|\b(?:desculpe|infelizmente|sinto muito|lamento),? (?:mas )?(?:eu )?não (?:posso|sei|tenho"
    r"|consigo)",
]
DUTCH = [
    r"\b(?:ik|we|wij) (?:kan|kunnen|mag|mogen|kon|wil|zal|ga)[^.!?\n]{0,60}\b(?:niet|geen)\b[^.!?\n]{0,40}(?:helpen"
    r"|beantwoorden|antwoorden|maken|schrijven|geven|leveren|voldoen|verstrekken|assisteren|uitvoeren|stellen"
    r"|delen|openen|bekijken|vertalen|afronden|beoordelen|zeggen|meewerken|bieden|inzien)",
    r"\b(?:kan|mag|kon|wil|zal|ga) (?:ik|we)[^.!?\n]{0,50}\b(?:niet|geen)\b[^.!?\n]{0,40}(?:helpen|beantwoorden"
    r"|antwoorden|maken|schrijven|geven|leveren|voldoen|verstrekken|assisteren|uitvoeren|stellen|delen|openen"
    r"|bekijken|vertalen|afronden|zeggen|bieden)",
    r"\b(?:stellen|geven|doen|schrijven|helpen|beantwoorden|maken|beoordelen) (?:kan|mag|wil|zal) ik (?:\w+ )?(?:niet"
    r"|geen)|\b(?:werk|help|schrijf|doe|geef|maak) ik (?:\w+ ){0,2}(?:niet|geen)\b|\bik (?:schrijf|doe|help|maak"
    r"|geef) [^.!?\n]{0,25}(?:liever niet|geen advies|niet)[.,!]",
    r"\bik (?:moet|wil)[^.!?\n]{0,30}(?:dit|dat|verzoek|helaas|uw vraag)[^.!?\n]{0,20}(?:weigeren|afwijzen)|\bik weiger (?:om"
    r"|dit|dat)|\bliever niet[.!]|\bik ben (?:helaas )?(?:niet in staat|niet bevoegd|niet gemachtigd|geen arts"
    r"|geen advocaat|niet bedoeld)",
    r"\b(?:ik heb|heb ik|ik beschik)(?: \w+){0,2} (?:geen|onvoldoende|niet genoeg|niet voldoende) (?:\w+ )?(?:toegang"
    r"|informatie|mening|mogelijkheid|rechten|schrijfrechten|toestemming|gegevens|gevoelens|voorkeur|context"
    r"|kennis)",
    r"\b(?:buiten|boven) mijn (?:mogelijkheden|bereik|bevoegdheid|kunnen|expertise|vermogen|kennis)|\b(?:in strijd met"
    r"|tegen|schendt) (?:mijn|onze) (?:\w+ )?(?:richtlijnen|principes|regels|beleid|programmering|voorwaarden)",
    r"\b(?:documenten|document|context|tekst|bronnen|bron|passages|artikel)(?: \w+)? (?:bevat(?:ten)?|vermeld(?:t"
    r"|en)?|noem(?:t|en)|gee?f(?:t)?|geven|zeg(?:t|gen)) (?:hierover |daarover )?(?:geen|niet|niets)",
    r"\b(?:niet te|niet) (?:bepalen|beantwoorden|achterhalen)\b|\bniet (?:worden )?(?:vastgesteld|bepaald) op basis"
    r"|\b(?:onvoldoende|niet genoeg|geen) (?:informatie|gegevens|context) (?:om|in|beschikbaar|gevonden)|\bweet ik (?:het"
    r"|het antwoord|dat) (?:helaas )?niet|\bik weet (?:het|het antwoord|dat) (?:helaas )?niet",
]
RUSSIAN = [
    r"(?:^|[^а-яё])(?:я |мы )?(?:вам |тебе |с этим )?не (?:могу|смогу|можем|сможем|буду|стану|будем|в состоянии"
    r"|имею права|имею возможности|вправе|готова? |хочу|уполномочена? |предназначена? |умею)(?: [а-яё]+){0,2} ?(?:помо[чг]"
    r"|предостав|ответ|отвеч|выполн|созда|напис|писать|сгенер|дать|давать|подел|содейств|участв|обсужд|постав"
    r"|запуст|откры|увид|просмотр|перевести|рекоменд|раскры|получ|опред|сказать|завершить|комментир)",
    r"(?:^|[^а-яё])с этим (?:я )?(?:помогать |помочь )?(?:не )(?:стану|буду|могу)|(?:^|[^а-яё])(?:помогать|писать"
    r"|отвечать|делать)(?: [а-яё]+)? (?:я )?не (?:стану|буду)",
    r"(?:^|[^а-яё])я (?:вынужден|вынуждена|должен|должна) (?:вам |вынужденно )?(?:отказать(?:ся)?(?:[.,!]| в"
    r"| вам)|отклонить (?:ваш|этот|эту|тако))|(?:^|[^а-яё])я отказываюсь|(?:^|[^а-яё])(?:я )?(?:предпочту|предпочитаю"
    r"|предпочёл бы|предпочла бы) (?:воздержаться|не )",
    r"(?:^|[^а-яё])я не (?:даю|пишу|оказываю|предоставляю|обсуждаю|являюсь врачом|врач|юрист|знаю(?: ответа|[.,!]"
    r"| как)|имею (?:личн|доступ|мнени|чувств|возможност|собственн|данных|информации)|располагаю|обладаю|поддерживаю)",
    r"(?:^|[^а-яё])у меня (?:[а-яё]+ )?(?:нет|отсутств[а-яё]+|недостаточно)(?: [а-яё]+)? ?(?:доступ|информац"
    r"|возможност|данных|прав|разрешен|личн|мнени|чувств|полномочи|контекст|сведени|инструмент)",
    r"(?:выходит|выходят|находится|лежит) за (?:рамки|пределы|рамками|пределами) мо|(?:наруша(?:ет|ют)|противореч[а-яё]+) (?:мо[ийюя][а-яё]*"
    r"|наш[а-яё]*) (?:[а-яё]+ )?(?:правил|принцип|политик|руководств|инструкци|норм|ценност)",
    r"(?:документ[а-яё]*|контекст[а-яё]*|текст[а-яё]*|источник[а-яё]*|стать[а-яё]*|отрыв[а-яё]*|фрагмент[а-яё]*)(?: [а-яё]+){0,2} (?:нет (?:информац"
    r"|сведени|ответ|данных|упомин)|не (?:содерж|упомина|указа|сказано|говорит|сообща|позволя))",
    r"(?:невозможно|нельзя) (?:определить|ответить|установить|сказать)(?:[.,!]| по | из | на основ)|из (?:контекста"
    r"|текста|документ[а-яё]*) (?:невозможно|нельзя|неясно|не ясно|не следует)|(?:недостаточно|не хватает|нет) (?:[а-яё]+ )?(?:данных"
    r"|информации|сведений|контекста) (?:для|чтобы|об|о|в)|(?:^|[^а-яё])мне не удалось (?:выполн|найти|завер"
    r"|получ|откры)",
    r"(?:извините|к сожалению|простите),? (?:но )?я не (?:могу|знаю|имею|смогу)",
]
CHINESE = [
    r"(?:我|我们|本助手|本系统|抱歉，|对不起，|很遗憾，|暂时|目前)?(?:无法|不能|不可以|没有办法|没法|没办法|不便|不會|無法|无权|不会|拒绝|难以)(?:再)?(?:为您|為您|为你|為你"
    r"|给您|给你|向您|向你|就此|在这方面|在这里|对此|直接|协助您|帮您|继续|替您|替你)*(?:提供|帮助|幫助|协助|協助|回答|满足|滿足|生成|创建|撰写|编写|完成(?:您|你|该|这|此)"
    r"|执行|参与|讨论|帮你|帮您|帮忙|支持|诊断|运行|访问|查看|打开|获取|查询|翻译|写|判断您|透露|泄露|分享|评论|预测|处理您|作答|给出|浏览|联网|做出诊断)",
    r"我(?:必须|只能|不得不)(?:婉拒|拒绝|拒絕)|我拒绝|(?:我|本助手)(?:没有|沒有|并没有|不具备|缺乏|暂无)(?:\p{Han}{0,4})(?:权限|個人|个人|观点|情感|意见|能力|信息|資訊|数据|访问|办法|足够|工具|感受|喜好|立场)",
    r"超出(?:了)?(?:我|本助手)(?:的)?|(?:违反|违背|不符合)(?:了)?(?:我|我们|我們|本平台|平台|内容|使用|安全)(?:的)?\p{Han}{0,4}(?:准则|規則|规则|政策|原则|规定|规范|条款|指南)",
    r"(?:文档|文件|上下文|资料|文章|原文|材料|文中|知识库|来源|内容)(?:\p{Han}{0,3})(?:没有|未|并未|不包含|无)(?:\p{Han}{0,3})(?:相关|提及|提到|说明|包含"
    r"|信息|答案|指出|给出|答复)|(?:信息|資訊|资料|数据|上下文)(?:不足|不够|有限)，?(?:因此|所以)?(?:，)?(?:无法|不能|难以|$)",
    r"(?:根据|从|基于|依据)\p{Han}{0,10}(?:无法|不能|难以)(?:确定|判断|得知|得出|回答|推断)|我不(?:知道|清楚|了解|确定)(?:答案|。|，|$|该|这)|我不(?:会|能"
    r"|想|愿)(?:写|做|参与|回答|协助|帮|提供)|任务(?:未能|无法)完成|未能完成(?:任务|您的)|我不是(?:医生|律师)",
]
JAPANESE = [
    r"(?:お手伝い|お答え|ご?提供|対応|ご?回答|お応え|支援|作成|お教え|ご?案内|協力|お力になる|ご要望にお応え|お話し?|ご?説明|実行|翻訳|診断|確認|アクセス|閲覧|判断|断定|予測|お伝え"
    r"|開示|生成|執筆|お受け|助言|アドバイス|完了|コメント|表示|お見せ|特定|処理|サポート)(?:を)?(?:し|下|くだ|出|す)?(?:する|す)?(?:を)?(?:こと|事)?(?:は|が|も)?(?:でき(?:ません"
    r"|かねます|ない|ず)|いたしかねます|致しかねます|しかねます|出来ません|できませんでした|しません|いたしません|できかねます)",
    r"(?:診断|助言|判断|回答|お答え|書く|開く|見る|知る|教える|述べる|下す|答える)(?:を下す|を行う|する)?(?:こと|事)(?:は|が)(?:でき(?:ません|ない|かねます)|出来ません"
    r"|許されていません)|お断り(?:し|させて|いた|申)|(?:ご遠慮|遠慮)(?:し|させて)(?:て|いただき)?(?:おきます|ます|いただきます)",
    r"(?:対応|能力|専門|知識|業務|権限)?範囲(?:外|を超えて)|能力を超えて|(?:ガイドライン|利用規約|ポリシー|規約|方針|規則)に(?:反し|違反し|抵触|沿わ)|(?:権限|情報|能力|機能"
    r"|データ|アクセス権|手段|意見|感情|見解|好み)(?:が|は|を)(?:ござい(?:ません|ませんので)|ありません|ないため|持って(?:い|おり)ません|持ち合わせて|備えて(?:い|おり)ません)",
    r"(?:文書|文脈|資料|文章|記事|情報源|コンテキスト|ドキュメント|本文|提供された\w{0,6})(?:に|から|で|の中に)(?:は|も)?\w{0,12}?(?:含まれて(?:い|おり)ません|記載(?:されて"
    r"|が)\w{0,4}(?:ません|ない)|特定できません|判断できません|見当たりません|書かれていません|ありません|分かりません|わかりません)|情報が(?:不足|足り)(?:して|ない|ず)",
    r"(?:答え|こたえ|回答)(?:は|が)(?:分かり|わかり)ません|(?:それには|には|その\w{0,6}には)協力(?:しません|できません|いたしません)|(?:そのような|そういった|こうした)[^。]{0,12}(?:書きません"
    r"|できません|しません|作りません|お答えしません)|(?:残念ながら|申し訳(?:ありません|ございません)が)、?[^。]{0,20}(?:できません|いたしかね|わかりません|分かりません|お答えできません"
    r"|ございません)",
]
# One pass of RE2 for each group: together they have more states than it keeps, and it would become fifty times slower.
# To compile a group takes milliseconds a batch. So each is read only by texts that hold a mark of it: a word, or a
# script, without which none of its phrases is whole.
GROUPS: tuple[tuple[str | None, str], ...] = tuple(
    (mark, "|".join(f"(?:{part})" for part in phrases))
    for mark, phrases in (
        (None, ENGLISH),
        (r"\b(?:nicht|kein|ich\b|mein|unser|verst|widerspr|lieber|niet|geen|mijn|ik\b|onze|onvold)|\bübersteigt|außerhalb|jenseits", GERMAN + DUTCH),
        (None, FRENCH + SPANISH + ITALIAN + PORTUGUESE),
        (r"[\x{400}-\x{4ff}\x{3040}-\x{30ff}\x{4e00}-\x{9fff}]{2}", RUSSIAN + CHINESE + JAPANESE),
    )
)

# What only looks like one, blanked before a text that holds a phrase is read again: other people's words (quotes,
# code, lines of a dialogue, a letter that declines an invitation), idioms, and caveats that an answer follows.
# Python's patterns: each is bounded, and so is the opening that they read.
OTHERS = re.compile(
    r"```.*?(?:```|$)|`[^`\n]{1,200}`"
    r"|\"[^\"\n]{1,400}\"|“[^”\n]{1,400}[”“]|„[^“”\n]{1,400}[“”]|«[^»\n]{1,400}»|「[^」\n]{1,400}」|『[^』\n]{1,400}』"
    r"|^(?:subject|betreff|objet|asunto|oggetto|assunto|onderwerp|тема): .*"
    r"|(?:(?:^|\n\n?)[^\W\d_][\w .]{0,24}: [^\n]{0,400}){2,9}",
    re.DOTALL,
)
IDIOMS = re.compile(
    "|".join(
        [
            rf"\b(?:can{_A}t|cannot|could ?n{_A}?t) (?:help but|wait|recommend [^.!?\n]{{1,60}} (?:enough|more"
            rf"|highly)|(?:offer|provide|give) (?:a )?(?:better|more|enough)|think of a better)",
            rf"\b(?:i|we) (?:can{_A}t|cannot) (?:provide|give|offer|predict|say|tell you|promise)(?: you)? (?:an? )?(?:exact"
            rf"|precise|definite|certain)\b[^.!?\n]{{0,60}}\bbut\b",
            rf"\bi (?:don{_A}t|do not|cannot|can{_A}t) (?:actually |really |currently )?(?:have (?:\w+ )?(?:personal"
            rf"|opinions?|feelings|emotions|thoughts|beliefs|preferences|experiences?|favou?rites?|visual perception"
            rf"|senses|consciousness|country"
            rf"|(?:physical|bod)\w*|hometown|creativity|inspiration|a (?:personal|favou?rite|physical|body|gender"
            rf"|home))|experience|feel|eat|sleep|possess)[^.!?\n]{{0,160}}(?:[.;,]|\b) ?(?:\n+)?(?:but|however"
            rf"|that said|nevertheless|still|so here|here|nonetheless|as an ai[^.\n]{{0,40}} i can)\b",
            rf"\bi (?:don{_A}t|do not) (?:currently )?have [^.!?\n]{{0,40}}\b(?:access|information|data|knowledge"
            rf"|awareness|context|faces?|novels|details)\b[^.!?\n]{{0,120}}(?:[.;,]|\b) ?(?:\n+)?(?:but|however"
            rf"|that said|nevertheless|nonetheless),?"
            r" (?!(?:i|you|we) |please|it is (?:best|recommended|important)|if )[^\n]{60}",
            rf"\bi(?:{_A}m| am) not (?:going to|gonna) (?:lie|pretend)\b|\bi don{_A}t know (?:about you|if you)",
            r"\bich kann (?:ihnen |dir |es |das )?nicht (?:nur|anders|umhin|genug|oft genug)|\bje ne peux (?:que"
            r"|m['’]empêcher)|\bno puedo (?:sino|menos que|más que|dejar de|estar más)|\bnon posso (?:che|fare a meno"
            r"|non)\b",
            r"\bnão posso (?:deixar de|senão)|\bik kan niet (?:anders|genoeg|wachten)|не могу не |不能不|不得不说|ずにはいられ|没有办法不",
        ]
    ),
    re.ASCII,
)
# After a refusal: what is given instead.
INSTEAD = re.compile(r"\b(?:however|but|instead|that said|nevertheless)\b,? (?:(?:i|we) (?:can|could|am able|would be|will)|here)\b.{150}", re.DOTALL)
