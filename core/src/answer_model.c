/* Weights of the answer analysis; written by `offhook amd train`. */
#include "answer_net.h"

const struct oh_answer_model oh_answer_model = {.b2 = {0}};
