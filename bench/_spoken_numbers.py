"""Sentences with card numbers, said in many ways, and sentences with numbers that are none.

The numbers are those that card schemes publish for tests.
"""

import random
from collections.abc import Callable

VISA, MASTERCARD, AMEX = "4242424242424242", "5555555555554444", "378282246310005"

# The utterances of an earlier comparison, in which Presidio found one of seven.
COMPARED = (
    "my card is four two four two four two four two four two four two four two four two",
    "4242 4242 4242 4242",
    "it is 4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
    "forty two forty two forty two forty two forty two forty two forty two forty two",
    "double five double five double five double five double five double five double four double"
    " four",
    "4242 4242 um 4242 and 4242",
    "four two four two, er, four two four two, dash, forty two forty two, forty two forty two",
)


def _listed(words: str) -> list[str]:
    return words.split()


ENGLISH_DIGITS = _listed("zero one two three four five six seven eight nine")
GERMAN_DIGITS = _listed("null eins zwei drei vier fünf sechs sieben acht neun")
ENGLISH_TENS = _listed("- - twenty thirty forty fifty sixty seventy eighty ninety")
ENGLISH_TEENS = _listed(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)


def digit_by_digit(number: str, names: list[str] = ENGLISH_DIGITS) -> str:
    return " ".join(names[int(digit)] for digit in number)


def pairs(number: str) -> str:
    """ "Forty two", "oh five", "twelve"."""
    said: list[str] = []
    for at in range(0, len(number), 2):
        tens, unit = number[at], number[at + 1 : at + 2]
        if tens == "0" or not unit:
            said += ["oh" if one == "0" else ENGLISH_DIGITS[int(one)] for one in tens + unit]
        elif tens == "1":
            said.append(ENGLISH_TEENS[int(unit)])
        else:
            said += [ENGLISH_TENS[int(tens)], *([ENGLISH_DIGITS[int(unit)]] if unit != "0" else [])]
    return " ".join(said)


def grouped(number: str, between: str) -> str:
    sizes = (4, 6, 5) if len(number) == 15 else (4, 4, 4, len(number) - 12)
    groups: list[str] = []
    at = 0
    for size in sizes:
        groups.append(number[at : at + size])
        at += size
    return between.join(groups)


CARDS = (
    # As recognisers with figures write them.
    *(f"my card number is {number}" for number in (VISA, MASTERCARD, AMEX, "6011111111111117")),
    *(grouped(number, " ") for number in ("4000056655665556", "5105105105105100", AMEX)),
    *(f"it's {grouped(number, '-')} thanks" for number in ("2223003122003222", "3566002020360505")),
    *(f"{grouped(number, ', ')}." for number in ("4111111111111111", "6200000000000005")),
    "the number is 4111.1111.1111.1111",
    "4,111,111,111,111,111",
    "card 41 11 11 11 11 11 11 11",
    "Visa 4222222222222",
    "diners card 30569309025904",
    "my maestro card is 6304000000000000",
    # Digit by digit.
    *(
        f"{opening} {digit_by_digit(number)}"
        for opening, number in (
            ("sure it is", VISA),
            ("okay", "4012888888881881"),
            ("my mastercard is", MASTERCARD),
            ("amex", AMEX),
            ("yes", "371449635398431"),
            ("the long number is", "6011000990139424"),
            ("here you go", "3530111333300000"),
        )
    ),
    digit_by_digit("4000056655665556").replace("zero", "oh"),
    digit_by_digit("5200828282828210").replace("zero", "nought"),
    digit_by_digit("4111111111111111").replace("nine", "niner"),
    ", ".join(digit_by_digit(VISA).split()),
    "... ".join(digit_by_digit(MASTERCARD).split()),
    # Double, triple.
    "four double one one triple one one double one double one one one one one",
    "triple five five five triple five triple five five five quadruple four",
    "four two four two double four double two four two four two four two double four",
    "five five double five double five double five five five five five double four four four",
    "treble four one double one double one double one double one double one one one one one four",
    "three seven eight two eight double two four six three one triple oh five",
    "visa, four three twos three twos three twos three twos",
    # Tens, teens, hundreds.
    *(pairs(number) for number in (VISA, MASTERCARD, "4000056655665556", "6011000990139424")),
    f"it's {pairs('5105105105105100')}",
    "forty-two forty-two forty-two forty-two forty-two forty-two forty-two forty-two",
    "four thousand two hundred and forty two four thousand two hundred forty two forty two"
    " forty two forty two forty two",
    "forty two hundred and forty two forty two forty two forty two forty two forty two forty two",
    "thirty seven eighty two eighty two two four six three one thousand five",
    # Fillers, dashes, corrections of the breath.
    "4242 uh 4242 um 4242 er 4242",
    "4242 dash 4242 dash 4242 dash 4242",
    "4242 and then 4242 then 4242 and 4242",
    "four two four two okay four two four two wait let me see four two four two and four two"
    " four two",
    "4242 the next four are 4242 the next four are 4242 and the last four are 4242",
    "4242 followed by 4242 4242 and finally it's 4242".replace("finally ", "then "),
    "it is 42 42, then 4242, um, double four... no wait".replace(
        "double four... no wait", "4242 4242"
    ),
    "five five five five hmm five five five five you know five five five five four four four four",
    # Cards with what belongs to them.
    "4242 4242 4242 4242 expiry twelve twenty six security code one two three",
    "4242424242424242 12/26 123",
    "my visa is 4111 1111 1111 1111 and it expires in march",
    "order 12 is on card 5555 5555 5555 4444 please",
    "call me on 07700 900123, and the card is 4242 4242 4242 4242",
    # What a recogniser makes of digits.
    "for two four two four two four two four two four two four two four two",
    "four to four two four two four two four two four two four two four two",
    "four two four too four two four two four two four two four two four two",
    "fife five five five five five five five five five five five four four four four",
    # German.
    f"meine karte ist {digit_by_digit(VISA, GERMAN_DIGITS)}",
    digit_by_digit(MASTERCARD, GERMAN_DIGITS).replace("zwei", "zwo"),
    f"die nummer lautet {digit_by_digit('4000056655665556', GERMAN_DIGITS)}",
    "zweiundvierzig zweiundvierzig zweiundvierzig zweiundvierzig zweiundvierzig zweiundvierzig"
    " zweiundvierzig zweiundvierzig",
    "viertausendzweihundertzweiundvierzig 4242 äh 4242 und dann 4242",
    "doppel fünf doppelfünf doppel fünf doppel fünf doppel fünf doppel fünf doppelvier doppel vier",
    "dreimal die fünf fünf fünf fünf fünf fünf fünf fünf fünf fünf viermal die vier",
    "vier zwei vier zwei strich vier zwei vier zwei strich vier zwei vier zwei strich vier zwei"
    " vier zwei",
    "vierzig null null null sechsundfünfzig fünfundsechzig fünf sechs sechs fünf fünf fünf sechs"
    " kreditkarte 5555 5555 5555 4444",
)

# With the kind that is right to be found in them.
ACCOUNTS = (
    ("my IBAN is DE89 3704 0044 0532 0130 00", "iban"),
    ("please use GB29 NWBK 6016 1331 9268 19", "iban"),
    ("GB29NWBK60161331926819", "iban"),
    ("d e eight nine 3704 oh oh four four oh five three two oh one three oh oh oh", "iban"),
    ("delta echo eight nine 3704 0044 0532 0130 zero zero", "iban"),
    ("die IBAN ist CH93 0076 2011 6238 5295 7", "iban"),
    ("es ist AT61 1904 3002 3457 3201", "iban"),
    ("FR14 2004 1010 0505 0001 3M02 606", "iban"),
    ("my social security number is 219 09 9999", "ssn"),
    ("social is two one nine oh nine nine nine nine nine", "ssn"),
    ("it's 219-09-9999", "ssn"),
    ("ssn 078-05-1120", "ssn"),
    ("the cvv is one two three", "security_code"),
    ("CVC 987", "security_code"),
)

MONTHS = _listed("january march april may june august october december")
ORDINALS = _listed("first second third fourth fifth tenth twelfth twentieth")


def innocent(seed: int = 4711) -> tuple[str, ...]:
    """Sentences with numbers that are nobody's secret: the same for the same seed."""
    chance = random.Random(seed)

    def some(count: int) -> str:
        return "".join(str(chance.randrange(10)) for _ in range(count))

    def spoken(count: int) -> str:
        return digit_by_digit(some(count))

    def year() -> str:
        return f"{chance.choice(('nineteen', 'twenty'))} {pairs(str(chance.randrange(10, 99)))}"

    makers: tuple[Callable[[], str], ...] = (
        lambda: f"I was born on the {chance.choice(ORDINALS)} of {chance.choice(MONTHS)} {year()}",
        lambda: f"{chance.randrange(1, 29)}/{chance.randrange(1, 13)}/19{some(2)}",
        lambda: (
            f"on {chance.choice(MONTHS)} {chance.randrange(1, 29)}, 20{chance.randrange(10, 30)}"
            f" at {chance.randrange(1, 13)}:{chance.randrange(10, 60)}"
        ),
        lambda: f"geboren am {chance.randrange(1, 29)}.{chance.randrange(1, 13)}.19{some(2)}",
        lambda: f"call me on oh seven {spoken(9)}",
        lambda: f"my number is 07{some(3)} {some(6)}",
        lambda: f"+49 151 {some(8)} ist meine handynummer",
        lambda: f"you can reach me at ({chance.randrange(200, 999)}) 555-0{some(3)}",
        lambda: f"telefon null eins sieben sechs {digit_by_digit(some(7), GERMAN_DIGITS)}",
        lambda: (
            f"call {chance.randrange(200, 999)} 555 0{some(3)} or"
            f" {chance.randrange(200, 999)} 555 0{some(3)}"
        ),
        lambda: f"the order number is {some(chance.randrange(5, 11))}",
        lambda: f"order {spoken(8)} please",
        lambda: f"bestellnummer {some(9)}",
        lambda: f"my booking reference is AB{some(6)}",
        lambda: f"tracking number 1Z{some(3)}E{some(10)}",
        lambda: (
            f"it cost {pairs(some(2))} thousand {ENGLISH_DIGITS[chance.randrange(1, 9)]}"
            " hundred dollars"
        ),
        lambda: f"that is ${chance.randrange(1, 99)},{chance.randrange(100, 999)}.{some(2)} in all",
        lambda: f"{chance.randrange(2, 900)} euros and {some(2)} cents",
        lambda: f"das kostet {chance.randrange(2, 99)} euro {some(2)}",
        lambda: (
            f"two adults and {chance.randrange(1, 5)} children for {chance.randrange(2, 14)} nights"
        ),
        lambda: (
            f"room {some(3)} from {chance.choice(MONTHS)} {chance.randrange(1, 15)} to"
            f" {chance.choice(MONTHS)} {chance.randrange(15, 29)}"
        ),
        lambda: f"i live at {some(3)} main street zip code {some(5)}",
        lambda: f"the postcode is {some(5)} and the house number {some(2)}",
        lambda: (
            f"my customer number is {spoken(6)} and i ordered {chance.randrange(2, 20)} of them"
        ),
        lambda: f"flight BA {some(3)} at {chance.randrange(10, 23)} {chance.randrange(10, 59)}",
        lambda: f"my card ends in {some(4)}",
        lambda: f"the code from the text message is {some(6)}",
        lambda: (
            f"take {chance.randrange(1, 4)} tablets of {some(2)}0 milligrams for"
            f" {chance.randrange(5, 21)} days"
        ),
        lambda: f"version {some(1)}.{some(2)}.{some(1)} of the software",
        lambda: f"meter reading {spoken(5)} on the {chance.choice(ORDINALS)}",
    )
    return tuple(make() for _ in range(11) for make in makers)
