# nodes.sh: sourced by run, stop and dial: the nodes of the cluster and their places.
#
# Each node is a network namespace hookswitch-NAME-NODE with one interface, and all of them
# are at one bridge. Whatever runs in such a namespace belongs to the example.
name=cluster
network=${HOOKSWITCH_NETWORK:-}
state=
nodes=(database registrar turn balancer gateway1 gateway2 phone1 phone2)
declare -A host=([database]=11 [registrar]=12 [turn]=13 [balancer]=10
	[gateway1]=21 [gateway2]=22 [phone1]=31 [phone2]=32)

die() {
	echo "cluster: $*" >&2
	exit 1
}

# options "$@": takes the options that all of them have; the others are left in `rest`.
options() {
	rest=()
	while [ $# -gt 0 ]; do
		case $1 in
		--name) name=${2:?"--name needs a word"} && shift ;;
		--network) network=${2:?"--network needs three numbers, as 10.89.47"} && shift ;;
		--state) state=${2:?"--state needs a folder"} && shift ;;
		*) rest+=("$1") ;;
		esac
		shift
	done
	[[ $name =~ ^[a-z0-9]{1,8}$ ]] || die "--name is up to eight letters and digits"
	bridge=hw-$name
	state=$(realpath -m "${state:-/var/lib/hookswitch-$name}")
	[ -n "$network" ] || network=$(cat "$state/network" 2>/dev/null || echo 10.89.47)
	[[ $network =~ ^[0-9]{1,3}(\.[0-9]{1,3}){2}$ ]] || die "--network is three numbers, as 10.89.47"
}

as_root() {
	[ "$(id -u)" -eq 0 ] || die "needs root: sudo $0"
}

space() { echo "hookswitch-$name-$1"; }
address() { echo "$network.${host[$1]}"; }

# The processes in a node's namespace.
inside() { ip netns pids "$(space "$1")" 2>/dev/null || true; }

is_there() { [ -e "/run/netns/$(space "$1")" ]; }
