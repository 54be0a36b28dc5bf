# shellcheck shell=bash
# Boots a real systemd as the first process of a container. To be sourced; needs root, systemd-nspawn and debootstrap
# (Debian: systemd-container, debootstrap), and no systemd on the machine itself.
#
#   lab_build SUITE ROOT     a Debian of that suite in a folder, once
#   lab_boot ROOT [ARG...]   boots it over an overlay that forgets everything, with more arguments for systemd-nspawn
#   lab_inside COMMAND...    runs something in there
#   lab_halt                 shuts it down and leaves no process, mount or control group behind
#
# What cannot be had in here: limits of memory, tasks and processor (no controllers), IPAddressDeny=, another clock.

lab_packages=systemd,systemd-sysv,dbus,procps,psmisc,iproute2,sqlite3,man-db,ca-certificates,logrotate

# The control groups that the container may be put below: one for each hierarchy that systemd looks for.
lab_hierarchies() {
    local folder
    for folder in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
        if [ -e "$folder/cgroup.procs" ]; then echo "$folder"; fi
    done
}

lab_build() {
    local suite=$1 root=$2
    if [ "$(cat "$root/.complete" 2>/dev/null)" = "$lab_packages" ]; then return; fi
    rm -rf "$root"
    mkdir -p "$root"
    debootstrap --variant=minbase --include="$lab_packages" "$suite" "$root" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        return 1
    }
    # What a container of minutes has no use for, and what would make its start differ from day to day.
    local unit
    for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer man-db.timer e2scrub_all.timer \
        fstrim.timer getty.target console-getty.service systemd-logind.service systemd-networkd.service \
        systemd-resolved.service systemd-timesyncd.service systemd-firstboot.service; do
        ln -sf /dev/null "$root/etc/systemd/system/$unit"
    done
    echo uninitialized >"$root/etc/machine-id"
    rm -f "$root/etc/hostname"
    echo "$lab_packages" >"$root/.complete"
}

lab_boot() {
    local root=$1
    shift
    lab_state=$(mktemp -d)
    lab_name=siftd-lab-$$
    local hierarchy
    for hierarchy in $(lab_hierarchies); do mkdir "$hierarchy/$lab_name"; done
    (
        for hierarchy in $(lab_hierarchies); do echo "$BASHPID" >"$hierarchy/$lab_name/cgroup.procs"; done
        export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 SYSTEMD_LOG_LEVEL=warning
        exec setsid systemd-nspawn --quiet --directory="$root" --volatile=overlay --machine="$lab_name" --register=no \
            --keep-unit --private-network --link-journal=no --resolv-conf=off --timezone=off --console=pipe "$@" \
            --boot systemd.show_status=no systemd.unit=multi-user.target
    ) </dev/null >"$lab_state/console" 2>&1 &
    lab_nspawn=$!
    lab_first=
    local tries state
    for tries in $(seq 300); do
        if ! kill -0 "$lab_nspawn" 2>/dev/null; then break; fi
        if [ -z "$lab_first" ]; then lab_first=$(lab_find_first); fi
        if [ -n "$lab_first" ]; then
            state=$(lab_inside systemctl is-system-running 2>/dev/null || true)
            if [ "$state" = running ] || [ "$state" = degraded ]; then return; fi
        fi
        sleep 0.1
    done
    cat "$lab_state/console" >&2
    echo "lab: the container did not come up after $tries looks" >&2
    return 1
}

# The process that is number 1 in there, by its number out here.
lab_find_first() {
    local child grandchild pid
    for child in $(pgrep -P "$lab_nspawn" || true); do
        for grandchild in $(pgrep -P "$child" || true); do
            for pid in "$child" "$grandchild"; do
                if [ "$(awk '/^NSpid/ { print $NF }' "/proc/$pid/status" 2>/dev/null)" = 1 ]; then
                    echo "$pid"
                    return
                fi
            done
        done
    done
}

lab_inside() {
    nsenter --target "$lab_first" --mount --uts --ipc --net --pid --cgroup --root --wd env --ignore-environment \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb SYSTEMD_PAGER=cat "$@"
}

lab_halt() {
    local tries hierarchy
    if [ -z "${lab_nspawn:-}" ]; then return; fi
    # SIGRTMIN+4 asks systemd to power off.
    if [ -n "${lab_first:-}" ]; then kill -s RTMIN+4 "$lab_first" 2>/dev/null || true; fi
    for tries in $(seq 100); do
        if ! kill -0 "$lab_nspawn" 2>/dev/null; then break; fi
        sleep 0.1
    done
    if [ "$tries" = 100 ]; then kill -s KILL "$lab_nspawn" ${lab_first:+"$lab_first"} 2>/dev/null || true; fi
    wait "$lab_nspawn" 2>/dev/null || true
    for hierarchy in $(lab_hierarchies); do
        if [ -d "$hierarchy/$lab_name" ]; then
            find "$hierarchy/$lab_name" -depth -type d -exec rmdir {} + 2>/dev/null || true
        fi
    done
    rm -rf "$lab_state"
    lab_nspawn=
}
