/* run/settings_list.h: every setting, once. A row gives the setting its typed field, its option and
 * its key in settings files, its check, default and help, its place in logs, manual pages and
 * completions. To add one, add a row here and use `settings->FIELD`.
 *
 *     SETTING(FIELD, NAME, TYPE, ARGUMENT, WANTED, DEFAULT, GROUP, OWNER, EFFECT, COMMANDS, HELP)
 *
 * TYPE      COUNT, REAL, TEXT, FLAG, CHOICE, LIST (of reals, with commas between them)
 * ARGUMENT  what help calls the value; NULL for a FLAG
 * WANTED    ANYTHING; for numbers FROM(a), RANGE(a, b), ABOVE(a), ABOVE_TO(a, b), FROM_BELOW(a, b),
 *           ABOVE_BELOW(a, b), with SINGLE before it if steps are computed with the number, so that
 *           single precision must hold it; ONE_OF("a|b") for a CHOICE
 * DEFAULT   IS("text"); or UNSET("what stands in for it"), where that depends on other settings
 * GROUP     the heading in help; rows of a group stand together
 * OWNER     what a run must have for the setting to mean anything (enum tsgd_owner). Where it is
 *           not, a value is refused, and the default does not apply
 * EFFECT    RESULT: it may change what comes out; MACHINE: how fast that comes; OUTPUT: what is
 *           told and written
 * COMMANDS  which take it; COMMON: it is one of the dozen that most runs need
 * HELP      one or two sentences, without the default                                           */

SETTING(data, "data", TEXT, "DATA", ANYTHING, UNSET("must be given"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE | EVAL | SPLIT | MODEL | COMMON,
        "what to learn from; see 'telesgd list data'. Not for --model quadratic")
SETTING(data_dir, "data-dir", TEXT, "DIR", ANYTHING, UNSET("the usual place of the data set"),
        ABOUT_DATA, DATA, RESULT, TRAIN | TUNE | EVAL | SPLIT | MODEL,
        "folder with the files of the data set")
SETTING(label, "label", TEXT, "COLUMN", ANYTHING, UNSET("the last"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE | EVAL | SPLIT | MODEL,
        "the column of the labels or targets, by its name or its number from 1")
SETTING(test_share, "test-share", REAL, "P", ABOVE_BELOW(0, 1),
        UNSET("0.2 of data that have no test samples"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE | EVAL | SPLIT,
        "make this share of the samples test samples, drawn by --split-seed, where the data have "
        "none")
SETTING(subset, "subset", COUNT, "N", FROM(1), UNSET("all"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE | SPLIT,
        "use only N training samples, the first of a shuffle by --split-seed")
SETTING(partition, "partition", TEXT, "RULE", ANYTHING, IS("iid"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE | SPLIT | COMMON,
        "how the samples are split among the nodes; see 'telesgd list partitions'")
SETTING(split, "split", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE | SPLIT,
        "read the split from FILE instead of drawing one by --partition")
SETTING(save_split, "save-split", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_DATA, DATA, OUTPUT,
        TRAIN | SPLIT,
        "write the split to FILE, for --split")
SETTING(allow_empty, "allow-empty", FLAG, NULL, ANYTHING, IS("false"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE | SPLIT,
        "let nodes have no samples: a token that visits one takes no step but still gossips")
SETTING(split_seed, "split-seed", COUNT, "N", ANYTHING, UNSET("the value of --seed"), ABOUT_DATA,
        DATA, RESULT, TRAIN | TUNE | EVAL | SPLIT,
        "seed of --test-share, --subset and --partition")
SETTING(normalize, "normalize", TEXT, "HOW", ANYTHING, IS("none"), ABOUT_DATA, DATA, RESULT,
        TRAIN | TUNE,
        "subtract a mean from the numbers of each channel and divide by a deviation: those of all "
        "training samples (data), or M1,..:S1,.. with one number for each channel; --save keeps "
        "them for 'telesgd eval'")
SETTING(augment, "augment", CHOICE, "HOW", ONE_OF("none|crop|flip|crop-flip"), IS("none"),
        ABOUT_DATA, DATA, RESULT, TRAIN | TUNE,
        "change training images each time they are drawn: crop, shifted by up to 4 pixels either "
        "way over black; flip, mirrored half of the time; crop-flip, both")

SETTING(model, "model", TEXT, "MODEL", ANYTHING, UNSET("must be given"), ABOUT_MODEL, RUN, RESULT,
        TRAIN | TUNE | BENCH | COMMON,
        "what to train; see 'telesgd list models'")
SETTING(loss, "loss", CHOICE, "LOSS", ONE_OF("cross-entropy|mse"), IS("cross-entropy"),
        ABOUT_MODEL, DATA, RESULT, TRAIN | TUNE | MODEL,
        "what a network is trained to make small: the cross-entropy of the classes that labels "
        "name; or mse, the mean squared error of targets that are numbers")
SETTING(init, "init", TEXT, "FILE", ANYTHING, UNSET("random, by --seed"), ABOUT_MODEL, RUN, RESULT,
        TRAIN | TUNE | EVAL,
        "start from the parameters in this safetensors file; the model and the normalisation that "
        "it names must be those of the run")
SETTING(input, "input", TEXT, "CxHxW", ANYTHING, UNSET("as --data has it"), ABOUT_MODEL, PROGRAM,
        OUTPUT, MODEL | BENCH,
        "the shape of a sample: channels, height and width, as 3x32x32; or a number of features")
SETTING(classes, "classes", COUNT, "N", RANGE(1, 65536), IS("10"), ABOUT_MODEL, PROGRAM, OUTPUT,
        MODEL,
        "how many numbers a network gives for a sample of --input")

SETTING(dim, "dim", COUNT, "D", RANGE(1, 1 << 30), IS("50"), ABOUT_QUADRATIC, DIM, RESULT,
        TRAIN | TUNE,
        "parameters")
SETTING(zeta2, "zeta2", REAL, "Z", RANGE(0, FLT_MAX), IS("1"), ABOUT_QUADRATIC, QUADRATIC, RESULT,
        TRAIN | TUNE,
        "how much the nodes differ: the variance of their b_i")
SETTING(sigma2, "sigma2", REAL, "S", RANGE(0, FLT_MAX), IS("1"), ABOUT_QUADRATIC, QUADRATIC, RESULT,
        TRAIN | TUNE,
        "mean square of the noise in a gradient")
SETTING(conditioning, "conditioning", CHOICE, "RULE", ONE_OF("koloskova|spread|uniform"),
        IS("koloskova"), ABOUT_QUADRATIC, QUADRATIC, RESULT, TRAIN | TUNE,
        "koloskova: a_i = i / sqrt(N), b_i of variance Z / i^2; spread: a_i^2 from 1/2 to 3/2, b_i "
        "of variance Z / D; uniform: a_i = 1, b_i as in spread")
SETTING(x0, "x0", REAL, "X", RANGE(-FLT_MAX, FLT_MAX), IS("1"), ABOUT_QUADRATIC, QUADRATIC, RESULT,
        TRAIN | TUNE,
        "where every coordinate starts, without --init")

SETTING(method, "method", TEXT, "METHOD", ANYTHING, IS("teleport"), ABOUT_METHOD, RUN, RESULT,
        TRAIN | TUNE | COMMON,
        "how tokens move and mix; see 'telesgd list methods'")
SETTING(nodes, "nodes", COUNT, "N", RANGE(1, UINT32_MAX - 1), IS("100"), ABOUT_METHOD, RUN, RESULT,
        TRAIN | TUNE | SPLIT | COMMON,
        "participants, each with its own share of the data")
SETTING(active, "active", COUNT, "K", RANGE(1, UINT32_MAX - 1), IS("8"), ABOUT_METHOD, RUN, RESULT,
        TRAIN | TOPOLOGY | COMMON,
        "tokens: the nodes that are active in a round; all of them if there are fewer, and with "
        "methods whose tokens stay. qg-dsgdm teleports when K is given")
SETTING(topology, "topology", TEXT, "GRAPH", ANYTHING,
        UNSET("ring, or what the method always uses"), ABOUT_METHOD, RUN, RESULT,
        TRAIN | TUNE | COMMON,
        "who mixes with whom among the active nodes; see 'telesgd list topologies'")
SETTING(lazy, "lazy", FLAG, NULL, ANYTHING, IS("false"), ABOUT_METHOD, RUN, RESULT, TRAIN | TUNE,
        "mix with (I + W) / 2 in place of the topology's W; d2 needs it on some graphs; not for "
        "methods that choose the topology themselves")
SETTING(allow_disconnected, "allow-disconnected", FLAG, NULL, ANYTHING, IS("false"), ABOUT_METHOD,
        RUN, RESULT, TRAIN | TUNE | TOPOLOGY,
        "let the graph of file:PATH fall into parts that never mix")

SETTING(availability, "availability", REAL, "P", ABOVE_TO(0, 1),
        UNSET("all nodes are always there"), ABOUT_CHURN, RUN, RESULT, TRAIN | TUNE,
        "a node is there in a round with probability P; one that is away is not chosen, and with "
        "fixed holders it takes no step")
SETTING(availability_trace, "availability-trace", TEXT, "FILE", ANYTHING, UNSET("none"),
        ABOUT_CHURN, RUN, RESULT, TRAIN | TUNE,
        "read when nodes are there from lines 'node from to': in rounds from up to but not "
        "including to; nodes that FILE does not name are always there")
SETTING(offline, "offline", CHOICE, "WHAT", ONE_OF("hold|isolate"), IS("hold"), ABOUT_CHURN, CHURN,
        RESULT, TRAIN | TUNE,
        "hold: the row of a node that is away gossips all the same; isolate: its links are cut for "
        "the round and their weight stays at both ends (fixed holders, symmetric weights)")

SETTING(link_cost, "link-cost", TEXT, "RULE", ANYTHING, UNSET("no link is slow"), ABOUT_NETWORK,
        RUN, RESULT, TRAIN | TUNE,
        "which transfers take --tau times as long: preferred, all but the links of "
        "--link-topology; slow-links:P, those of a share P of all pairs of nodes; slow-nodes:P, "
        "those from and to a share P of the nodes")
SETTING(tau, "tau", REAL, "X", FROM(1), IS("5"), ABOUT_NETWORK, SLOW_LINKS, RESULT, TRAIN | TUNE,
        "how many times slower slow links are")
SETTING(link_topology, "link-topology", TEXT, "GRAPH", ANYTHING, IS("ring"), ABOUT_NETWORK,
        PREFERRED_LINKS, RESULT, TRAIN | TUNE,
        "the links that are not slow, over the nodes")
SETTING(link_seconds, "link-seconds", REAL, "S", FROM(0),
        UNSET("1 with --link-cost and without --bandwidth, else 0"), ABOUT_NETWORK, RUN, RESULT,
        TRAIN | TUNE,
        "seconds of a transfer, beside those of its bytes")
SETTING(bandwidth, "bandwidth", REAL, "BYTES", ABOVE(0), UNSET("unlimited"), ABOUT_NETWORK, RUN,
        RESULT, TRAIN | TUNE,
        "bytes a second of a transfer")
SETTING(port, "port", CHOICE, "HOW", ONE_OF("parallel|serial"), IS("parallel"), ABOUT_NETWORK,
        CLOCK, RESULT, TRAIN | TUNE,
        "a node receives all at once, or one transfer after the other")
SETTING(compute_seconds, "compute-seconds", TEXT, "S", ANYTHING, UNSET("0"), ABOUT_NETWORK, RUN,
        RESULT, TRAIN | TUNE,
        "seconds of a gradient step; S:lognormal:SIGMA gives each node its own, S exp(SIGMA z) "
        "with z standard normal, so that some are stragglers")

SETTING(batch, "batch", COUNT, "N", RANGE(1, 1 << 20), IS("32"), ABOUT_STEP, RUN, RESULT,
        TRAIN | TUNE | MODEL | BENCH,
        "samples in a minibatch; always 1 with --model quadratic")
SETTING(lr, "lr", REAL, "RATE", SINGLE ABOVE(0), IS("0.1"), ABOUT_STEP, RUN, RESULT,
        TRAIN | TUNE | COMMON,
        "step size; with --model quadratic it is by default at most 1 over the largest curvature "
        "of a node")
SETTING(schedule, "schedule", TEXT, "RULE", ANYTHING, IS("const"), ABOUT_STEP, RUN, RESULT,
        TRAIN | TUNE,
        "step size over the rounds: const, cosine[:LEAST] down to LEAST at the last of --rounds, "
        "or step:R1,R2,..[:FACTOR], times FACTOR (0.1) from round R1, R2, .. on")
SETTING(warmup, "warmup", COUNT, "R", ANYTHING, IS("0"), ABOUT_STEP, RUN, RESULT, TRAIN | TUNE,
        "rounds in which the step size rises linearly from nearly 0")
SETTING(warmup_epochs, "warmup-epochs", REAL, "E", ABOVE(0), UNSET("as many as --warmup says"),
        ABOUT_STEP, DATA, RESULT, TRAIN,
        "in place of --warmup: as many rounds as E passes take, counted as for --epochs")
SETTING(momentum, "momentum", REAL, "M", SINGLE FROM_BELOW(0, 1), IS("0"), ABOUT_STEP, METHOD,
        RESULT, TRAIN | TUNE | COMMON,
        "momentum: m <- M m + g; x <- x - RATE m; qg-dsgdm and momentum-tracking need one")
SETTING(nesterov, "nesterov", FLAG, NULL, ANYTHING, IS("false"), ABOUT_STEP, METHOD, RESULT,
        TRAIN | TUNE,
        "Nesterov's momentum")
SETTING(momentum_home, "momentum-home", CHOICE, "WHERE", ONE_OF("token|node|mixed"), IS("token"),
        ABOUT_STEP, METHOD, RESULT, TRAIN | TUNE,
        "token: the buffer travels with the token; node: it stays with the node, memory for each; "
        "mixed: it travels and is mixed as the parameters are")
SETTING(weight_decay, "weight-decay", REAL, "D", SINGLE FROM(0), IS("0"), ABOUT_STEP, RUN, RESULT,
        TRAIN | TUNE,
        "adds D x to gradients")
SETTING(local_steps, "local-steps", COUNT, "H", RANGE(1, 1 << 20), IS("1"), ABOUT_STEP, METHOD,
        RESULT, TRAIN | TUNE,
        "gradient steps a token takes in a round before it mixes")
SETTING(mix_every, "mix-every", COUNT, "M", RANGE(1, UINT32_MAX), IS("1"), ABOUT_STEP, METHOD,
        RESULT, TRAIN | TUNE,
        "tokens mix only in rounds M, 2M, ..; in the others they step and move on as ever")
SETTING(step_parts, "step-parts", COUNT, "N", RANGE(1, 1 << 16),
        UNSET("as few as keep the largest activation within 1 MiB"), ABOUT_STEP, DATA, RESULT,
        TRAIN | TUNE,
        "cut a minibatch into N parts of whole groups of 16 samples, so that up to N threads share "
        "a token's step; results depend on N (by rounding), not on --threads")
SETTING(conv, "conv", CHOICE, "HOW", ONE_OF("auto|direct"), IS("auto"), ABOUT_STEP, DATA, RESULT,
        TRAIN | TUNE | EVAL,
        "auto: convolutions by 3x3 kernels with stride 1 and padding 1, from 16 or more channels "
        "to as many, use Winograd's algorithm, which multiplies less often; direct: none does. "
        "Results differ in rounding")
SETTING(order, "order", CHOICE, "ORDER", ONE_OF("epoch|iid|sequential"), IS("epoch"), ABOUT_STEP,
        DATA, RESULT, TRAIN | TUNE,
        "a node's samples: in a fresh order each pass (epoch), drawn with replacement (iid), as "
        "stored (sequential)")

SETTING(rounds, "rounds", COUNT, "T", RANGE(1, UINT32_MAX - 16), IS("2000"), ABOUT_LENGTH, RUN,
        RESULT, TRAIN | TUNE | COMMON,
        "rounds to train; where --samples says when to stop, as many as that takes")
SETTING(epochs, "epochs", REAL, "E", ABOVE(0), UNSET("as long as --rounds says"), ABOUT_LENGTH,
        DATA, RESULT, TRAIN,
        "in place of --rounds: as many rounds as E passes over the training samples take when all "
        "minibatches are full")
SETTING(validation, "validation", REAL, "P", ABOVE_BELOW(0, 1),
        UNSET("0.1 in a search, none in a run"), ABOUT_LENGTH, DATA, RESULT, TRAIN | TUNE | SPLIT,
        "share of every node's samples that is held out from training, to choose by: evaluations "
        "are of those, and the test samples are looked at once, at the end")
SETTING(lr_grid, "lr-grid", LIST, "E1,E2,..", SINGLE ABOVE(0), UNSET("--lr alone"), ABOUT_LENGTH,
        RUN, RESULT, TUNE,
        "step sizes to choose from, for every k")
SETTING(samples, "samples", COUNT, "N", FROM(1), UNSET("no limit"), ABOUT_LENGTH, RUN, RESULT,
        TRAIN,
        "stop after the round in which gradients have used N samples in all")
SETTING(until, "until", TEXT, "CONDITION", ANYTHING, UNSET("none"), ABOUT_LENGTH, RUN, RESULT,
        TRAIN,
        "stop at the first evaluation with METRIC<=VALUE or METRIC>=VALUE, for any number in the "
        "log's evaluations, as in 'test_accuracy>=0.8'; mind the shell: quote it")
SETTING(eval_every, "eval-every", COUNT, "R", FROM(1), UNSET("a tenth of the rounds"), ABOUT_LENGTH,
        RUN, RESULT, TRAIN | TUNE,
        "evaluate after rounds that are multiples of R; the last is always evaluated")
SETTING(eval_at_start, "eval-at-start", FLAG, NULL, ANYTHING, IS("false"), ABOUT_LENGTH, RUN,
        RESULT, TRAIN | TUNE,
        "evaluate before the first round too")
SETTING(final_average, "final-average", FLAG, NULL, ANYTHING, IS("false"), ABOUT_LENGTH, RUN,
        RESULT, TRAIN,
        "end with one all-reduce: every token becomes the mean of all; the last evaluation is of "
        "that")
SETTING(eval, "eval", CHOICE, "WHAT", ONE_OF("mean|tokens"), IS("mean"), ABOUT_LENGTH, RUN, RESULT,
        TRAIN,
        "mean: evaluate the mean of the tokens; tokens: each of them too, for which every rank of "
        "a run over several keeps all test samples")
SETTING(optimum, "optimum", FLAG, NULL, ANYTHING, IS("false"), ABOUT_LENGTH, DATA, RESULT,
        TRAIN | TUNE,
        "find the minimum f* of f, the nodes' mean training loss with --weight-decay, before the "
        "training; evaluations then tell f(x), f(x) - f* and |x - x*|^2 of the mean x of the "
        "tokens: objective, suboptimality, distance2. For --model logistic; every rank of a run "
        "over several keeps all samples then")

SETTING(output, "output", TEXT, "PATH", ANYTHING, UNSET("must be given"), ABOUT_OUTPUT, PROGRAM,
        OUTPUT, SWEEP | REPORT,
        "where the results go; -o PATH for short")
SETTING(save, "save", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        TRAIN | TUNE | COMMON,
        "write the mean of the tokens after training, as safetensors")
SETTING(log, "log", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        TRAIN | TUNE | COMMON,
        "write settings, evaluations and summary as JSON lines; - is the standard output")
SETTING(progress, "progress", CHOICE, "HOW", ONE_OF("auto|plain|off"), IS("auto"), ABOUT_OUTPUT,
        PROGRAM, OUTPUT, TRAIN | TUNE | SWEEP | BENCH,
        "on the standard error: a moving line on a terminal (auto), a line for each evaluation "
        "(plain, and auto elsewhere), nothing (off)")
SETTING(trace, "trace", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_OUTPUT, RUN, OUTPUT,
        TRAIN | TUNE,
        "write what every worker did when to FILE, for ui.perfetto.dev or chrome://tracing")
SETTING(trace_layers, "trace-layers", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, TRACE,
        OUTPUT, TRAIN | TUNE,
        "also trace the layers within each step, of a network")
SETTING(trace_events, "trace-events", COUNT, "N", FROM(1), IS("200000"), ABOUT_OUTPUT, TRACE,
        OUTPUT, TRAIN | TUNE,
        "events that a worker has room for; the trace ends when it is used up")
SETTING(force, "force", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        TRAIN | TUNE | COMPARE | SPLIT | REPORT | BENCH,
        "replace files that are there, also those that telesgd did not write")
SETTING(dry_run, "dry-run", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        TRAIN | SWEEP,
        "show the resolved settings, memory and expected time; train and write nothing")
SETTING(dot, "dot", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT, TOPOLOGY,
        "print the graph for Graphviz instead: an arrow leads from who is read to who reads, a "
        "line goes both ways; a label is the round")
SETTING(matrix, "matrix", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        TOPOLOGY,
        "print the weights of a period instead: lines 'round row column weight'")
SETTING(json, "json", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        TRAIN | EVAL | TOPOLOGY | SPLIT | MODEL | BENCH,
        "print one JSON object instead of text")
SETTING(pytorch, "pytorch", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT, MODEL,
        "print the module of PyTorch instead that loads what 'telesgd train --save' writes")
SETTING(by, "by", TEXT, "S1,S2,..", ANYTHING, UNSET("every setting but the seed"), ABOUT_OUTPUT,
        PROGRAM, OUTPUT, COMPARE,
        "a row for the runs that agree in these settings, whatever else they differ in")
SETTING(best, "best", TEXT, "S1,S2,..", ANYTHING, UNSET("none"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        COMPARE,
        "of rows that differ only in these settings, show the one with the best validation loss "
        "(quadratics: grad_norm2)")
SETTING(metric, "metric", TEXT, "M1,M2,..", ANYTHING, UNSET("test_accuracy or grad_norm2"),
        ABOUT_OUTPUT, PROGRAM, OUTPUT, COMPARE,
        "numbers of the log's evaluations to show over X")
SETTING(x, "x", CHOICE, "X", ONE_OF("rounds|samples|gradients|bytes|sim_seconds|wall_seconds"),
        IS("gradients"), ABOUT_OUTPUT, PROGRAM, OUTPUT, COMPARE,
        "what runs have spent; bytes: gossiped and teleported")
SETTING(target, "target", REAL, "VALUE", ANYTHING, UNSET("none"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        COMPARE,
        "tell at which X each run first is as good as VALUE")
SETTING(csv, "csv", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT, COMPARE,
        "print CSV instead: of --target, else of --metric and --x, else of the ends")
SETTING(latex, "latex", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT, COMPARE,
        "print that as LaTeX (booktabs) instead")
SETTING(ascii, "ascii", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT, COMPARE,
        "draw the metric over X in characters too")
SETTING(plot, "plot", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        COMPARE | BENCH,
        "draw it into FILE.svg, .pdf or .png through gnuplot, with bands of one deviation")
SETTING(seconds, "seconds", REAL, "S", ABOVE_TO(0, 86400), IS("60"), ABOUT_OUTPUT, PROGRAM, OUTPUT,
        BENCH,
        "about how long to measure in all; models whose steps take long need more")
SETTING(man, "man", FLAG, NULL, ANYTHING, IS("false"), ABOUT_OUTPUT, PROGRAM, OUTPUT, HELP,
        "print the manual page of the command, or of the program, for man")
SETTING(completion, "completion", CHOICE, "SHELL", ONE_OF("bash|zsh"), UNSET("none"), ABOUT_OUTPUT,
        PROGRAM, OUTPUT, HELP,
        "print what makes this shell complete commands, options and values")

SETTING(checkpoint, "checkpoint", TEXT, "FILE", ANYTHING, UNSET("the file of --resume, or none"),
        ABOUT_CHECKPOINT, RUN, OUTPUT, TRAIN | TUNE | COMMON,
        "write to FILE, now and then, all that it takes to go on after a stop or a crash. SIGUSR1 "
        "asks for one; SIGINT, SIGTERM and SIGHUP write one and end the training")
SETTING(checkpoint_every, "checkpoint-every", TEXT, "R|TIME", ANYTHING, IS("60s"),
        ABOUT_CHECKPOINT, CHECKPOINT, OUTPUT, TRAIN | TUNE | SWEEP,
        "write one at rounds that are multiples of R, or when a TIME such as 30s, 5m or 2h has "
        "passed since the last; never: only when a signal asks for it")
SETTING(keep, "keep", COUNT, "N", RANGE(1, 1000), IS("1"), ABOUT_CHECKPOINT, CHECKPOINT, OUTPUT,
        TRAIN | TUNE,
        "keep the N newest checkpoints: FILE, and the older ones as FILE.1, FILE.2, ..")
SETTING(resume, "resume", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_CHECKPOINT, RUN, OUTPUT,
        TRAIN | TUNE | COMMON,
        "go on from this checkpoint, to the same bits as if there had been no stop. What changes "
        "the result is as it was and need not be given again; --log continues the log there")

SETTING(seed, "seed", COUNT, "N", ANYTHING, IS("0"), ABOUT_MACHINE, RUN, RESULT,
        TRAIN | TUNE | EVAL | TOPOLOGY | SPLIT | MODEL,
        "of all randomness; same seed, same bits, for any number of threads")
SETTING(threads, "threads", COUNT, "N", RANGE(1, 65536),
        UNSET("the CPUs that this process may use"), ABOUT_MACHINE, RUN, MACHINE,
        TRAIN | TUNE | BENCH,
        "worker threads")
SETTING(ranks, "ranks", COUNT, "R", RANGE(1, 65536), UNSET("those of mpirun, or one"),
        ABOUT_MACHINE, PROGRAM, OUTPUT, TRAIN,
        "with --dry-run: how fast would the run be on R ranks of --threads each, between which a "
        "message takes --link-seconds and its bytes at --bandwidth? In a run: there are so many "
        "ranks, or it is refused")
SETTING(cores, "cores", COUNT, "N", FROM(1), UNSET("one for each thread of each rank"),
        ABOUT_MACHINE, PROGRAM, OUTPUT, TRAIN,
        "with --ranks: all ranks share N cores, as on one machine")
SETTING(memory_bandwidth, "memory-bandwidth", REAL, "BYTES", ABOVE(0), UNSET("unlimited"),
        ABOUT_MACHINE, PROGRAM, OUTPUT, TRAIN,
        "with --ranks 1: bytes a second that all cores together can move to and from memory")
SETTING(jobs, "jobs", COUNT, "N", RANGE(1, 65536), UNSET("the CPUs that this process may use"),
        ABOUT_MACHINE, PROGRAM, MACHINE, SWEEP,
        "runs at a time; their threads share the CPUs, and the last runs get more of them")
SETTING(place, "place", CHOICE, "HOW", ONE_OF("block|graph"), IS("block"), ABOUT_MACHINE, RUN,
        MACHINE, TRAIN,
        "which rank of a run over several (telesgd-mpi) a node and its data are on: consecutive "
        "nodes together (block), or nodes that mix with each other, where tokens stay with their "
        "nodes (graph). One process has nothing to place. Same bits")
SETTING(gossip, "gossip", CHOICE, "HOW", ONE_OF("rows|slices|auto"), IS("auto"), ABOUT_MACHINE, RUN,
        MACHINE, TRAIN | TUNE,
        "rows: each token mixes as soon as its neighbours are there; slices: all at once where "
        "they stand, with half the memory for rows; auto: what should be faster. Same bits")
SETTING(pin, "pin", FLAG, NULL, ANYTHING, IS("false"), ABOUT_MACHINE, RUN, MACHINE, TRAIN | TUNE,
        "keep each thread on one CPU, so that tokens with neighbouring numbers share caches and "
        "memory; hardware threads of one core are used last. Done unasked where nothing is said "
        "of --threads and each CPU has one that has work")
SETTING(show_placement, "show-placement", FLAG, NULL, ANYTHING, IS("false"), ABOUT_MACHINE, PROGRAM,
        OUTPUT, TRAIN,
        "tell where each thread runs, and its tokens, before the training: on the standard error, "
        "or after what --dry-run shows")
SETTING(stall_seconds, "stall-seconds", REAL, "S", RANGE(0, 1e9), IS("60"), ABOUT_MACHINE, RUN,
        MACHINE, TRAIN | TUNE,
        "when no step, mix or evaluation has ended for S seconds, tell on the standard error which "
        "tokens stand still, what they wait for and what each thread does, and again after twice, "
        "four times, .. as long; the training goes on. 0: do not watch")
SETTING(isa, "isa", TEXT, "NAME", ANYTHING, UNSET("the widest that the CPU has"), ABOUT_MACHINE,
        RUN, RESULT, TRAIN | TUNE | BENCH,
        "instruction set of the kernels: sse4, avx2 or avx512 (neon on aarch64), or portable, "
        "which emulates the multiply-add that sse4 lacks, and is slow; all but sse4 are to give "
        "the same bits")
SETTING(config, "config", TEXT, "FILE", ANYTHING, UNSET("none"), ABOUT_MACHINE, PROGRAM, OUTPUT,
        TRAIN | TUNE,
        "read settings from FILE, also a pipe: lines name = value, or the log of an earlier run; "
        "what the command line says wins, also --NAME= (back to the default) and --FLAG=false")
