/* Whether the daemon answers: what a kubelet's probes run, without the cost of an interpreter. */
#ifndef PLURIMUS_ASK_H
#define PLURIMUS_ASK_H

/* Ask as the words say: PATH [FOLDER [SECONDS]], where the daemon's socket is in FOLDER.  0 if it says yes, else 1 and the
 * reason on stderr. */
int ask(int words, char **word);

#endif
