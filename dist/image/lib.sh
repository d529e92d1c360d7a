# The files of the image. To be sourced behind ../lib.sh.
context() { # FOLDER ARCH=PROGRAM...
    local folder=$1 pair
    shift
    rm -rf "$folder" && mkdir -p "$folder/rootfs/etc" "$folder/rootfs/tmp" "$folder/home/dynamodblocal/data"
    echo "dynamodblocal:x:1000:1000::/home/dynamodblocal:/sbin/nologin" >"$folder/rootfs/etc/passwd"
    echo "dynamodblocal:x:1000:" >"$folder/rootfs/etc/group"
    chmod 1777 "$folder/rootfs/tmp"
    for pair in "$@"; do
        mkdir -p "$folder/${pair%%=*}"
        install -m 755 "${pair#*=}" "$folder/${pair%%=*}/hashrange"
        ln -s hashrange "$folder/${pair%%=*}/java"
    done
    cp "$here/image/Dockerfile" "$folder/"
}
