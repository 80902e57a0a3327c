# build.sh: for the parts, sourced. Everything is built in build-NAME/.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# build NAME TARGET [cmake options]: configures and builds; the compiler's words are
# shown only when it fails.
build() {
	local name=$1 target=$2 log
	shift 2
	log=build-$name/build.log
	mkdir -p "build-$name"
	if ! { cmake -G Ninja -S . -B "build-$name" -DHOOKSWITCH_WERROR=ON "$@" &&
		ninja -C "build-$name" "$target"; } >"$log" 2>&1; then
		grep -v '^\[[0-9]*/[0-9]*\] ' "$log" | tail -n 60
		echo "not ok build-$name"
		return 1
	fi
	echo "ok build-$name"
}

# The program, in build-gcc/hookswitch.
build_program() {
	CC=gcc build gcc hookswitch
}

# npm_ci FOLDER: installs the locked packages unless they are there.
npm_ci() {
	local done=$1/node_modules/.package-lock.json
	[ -e "$done" ] && [ ! "$1/package-lock.json" -nt "$done" ] && return 0
	(cd "$1" && npm ci --no-audit --no-fund --loglevel=error >npm.log 2>&1) && rm -f "$1/npm.log" && touch "$done" && return 0
	cat "$1/npm.log"
	echo "not ok npm ci in $1"
	return 1
}

# The page, in web/dist.
build_page() {
	npm_ci web && (cd web && npm run --silent build) && return 0
	echo "not ok build of the page"
	return 1
}

# run_one PROGRAM: one unit test program; its tests' names get the program's before
# them. A program that breaks off has failed.
run_one() {
	local name=${1##*/} out status
	out=$(timeout -k 5 "${TEST_TIMEOUT:-180}" "$1" 2>&1)
	status=$?
	sed -E "s|^(ok\|not ok\|skip) |\1 $name: |" <<<"$out"
	if [ $status -ne 0 ] && ! grep -q '^not ok ' <<<"$out"; then
		echo "not ok $name: ended with code $status"
	fi
}
export -f run_one

# Programs that send audio in real time: each has the machine for itself.
real_time='_test_(session_[a-z]+|whole_call|worker_threads)$'

# run_units NAME [EXPRESSION]: the unit test programs of build-NAME whose file names
# match, two at a time.
run_units() {
	local programs
	programs=$(find "build-$1/tests" -maxdepth 1 -type f -executable -name '*_test_*' -printf '%s %p\n' |
		sort -rn | cut -d' ' -f2 | grep -E "${2:-.}")
	grep -Ev "$real_time" <<<"$programs" |
		xargs -r -P "$(nproc)" -I{} bash -c 'text=$(run_one {}); printf "%s\n" "$text"'
	grep -E "$real_time" <<<"$programs" | while read -r program; do
		run_one "$program"
	done
}
