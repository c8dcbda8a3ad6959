"""What is no agreement, and was made up to sound like it."""

# fmt: off
# Of these the decoys of the confirmation were chosen.
NEAR_MISSES = (
    # With a yes in it.
    "yes but not recorded", "yes if you do not record", "yes and no", "yes or no",
    "yes no maybe", "yes I heard you", "yes what is it", "yes who is this", "yes hello",
    "yes go on", "yes yes what", "yes I have a question", "yes I disagree", "yes I mind",
    "yes I object", "well yes but", "yes well", "yes man", "yes minister",
    "did you say yes or no", "say yes", "never say yes", "oh yes the weather",
    "yes to the appointment not to the recording", "yeah right", "yeah whatever", "yeah no",
    "yeah but who are you", "yeah hold on", "yep that was my mother", "hell yes he said",
    # With agreement in it.
    "I agree to disagree", "I agree with my wife", "I agree to nothing", "I agreed yesterday",
    "I agree but only to the call", "I disagree", "I do not agree at all", "I never agree",
    "agree", "agreed", "agreeing", "agrees", "a degree", "the degree", "decree", "pedigree",
    "I accept no such thing", "I accept nothing of the kind", "accept", "except", "I except",
    "I consent to nothing", "consent", "content", "I can not agree", "we do not all agree",
    "I would agree if", "do you agree", "who agreed", "sure thing buddy", "sure not",
    "for sure maybe", "okay so what", "okay boomer", "okay wait", "okay google",
    "of course you would say that",
    # That sound like it.
    "yesterday", "guess", "guess what", "guest", "chess", "jazz", "yes's", "yesteryear",
    "less", "mess", "bless you", "dress", "press", "express", "confess", "success", "excess",
    "access", "address", "years", "ears", "jess", "yet", "yell", "yellow", "yeast", "east",
    "yeti", "yard", "yam", "yak", "gear", "here", "year", "yay", "yo", "you", "use",
    "eye a grey", "high grade", "I grieve", "eye of green", "a green", "I greet", "I grew",
    "I see", "I breathe", "I creep", "I agonise", "iced tea", "ice cream", "I scream",
    "nice set", "I set", "I sex", "eyes", "ask it", "asset",
    # Single syllables.
    "ah", "eh", "uh", "mm", "hm", "huh", "tut", "psst", "shh", "sss", "ts", "yuh", "ja", "ye",
    "yi",
    # Names and numbers.
    "Jeff", "Jessica", "Jasmine", "Agnes", "Ines", "James", "Gregory", "Igor", "Ursula",
    "Esther", "John Smith", "Mary Jones", "Yasmin Green", "Les Gray", "six", "sixty six",
    "seven", "nine", "ten past six", "four seven two", "nineteen eighty", "a hundred and ten",
    "double o seven", "the sixth of june", "one", "two", "press one", "press two",
    # Questions.
    "what for", "is that necessary", "why do you record", "may I say no", "what if I say yes",
    "do I have to", "can I think about it", "could you repeat the question",
    "who wants to know", "what did you ask", "must I agree", "is yes an option",
    "what is the address",
    # Somebody else, or the television.
    "and now the weather for tomorrow", "the president said yes to the bill", "goal goal goal",
    "the jury has reached a verdict", "do you take this man", "I do", "I will",
    "it is a yes from me", "three yeses you are through", "our survey said",
    "and the answer is", "previously on the show", "terms and conditions apply", "yes we can",
    "just do it", "because you are worth it", "the markets were up six per cent",
    "mum the phone", "say yes to the dress", "oh god yes", "yes chef",
    "yes sir right away sir", "the ayes have it", "no comment", "say I agree darling",
    "he says I agree but he does not", "she said yes", "did he say yes", "they will say yes",
)

# And these to be taken for the very sentence that confirms: few are anything that one says.
ALIKE = (
    "yes the green one", "yes I dream of it", "yes eye drops", "yes I argue", "yes I read it",
    "yes Ida Green", "guess who agrees", "jess and I agree", "bless I agree not",
    "chess is agreeable", "less I agreed", "yes they agree", "yes she agreed",
    "yes if we agree", "yes I accept cards", "yes I expect it", "yes except",
    "yes I accepted once", "yes high street", "yes I regret it", "yes I will agree when",
    "just a green", "yes I decree", "yes I degree", "the yes I agreed", "it's a green",
    "stress I breathe", "yesterday I agreed", "best I agree", "yes I'm Greek",
    "is I agree a yes", "Tess Igree", "yes agree to what", "yes ice cream", "yes Idris",
    "yes all right agree", "yeses", "yester", "asks I agreed", "says I agree", "press I agree",
    "yes I agree to nothing", "yes I agree with none of it", "yes I agree but",
    "I never said yes I agree", "no yes I agree no", "yes sir I agree with her",
    "so yes I agree he said",
)
# fmt: on
