-- What the exporter of metrics writes to. Run at each connection: makes what is not there and leaves
-- alone what is, so that a user who may only insert does after somebody else has made the tables.
-- The lock ends with the transaction; it keeps two nodes from making the same table at once.
SELECT pg_advisory_xact_lock(7165064744907268718);

DO $schema$
BEGIN
    IF to_regclass('blockchain_metrics') IS NULL THEN
        CREATE TABLE blockchain_metrics (
            time timestamptz NOT NULL,
            node text NOT NULL,
            network text NOT NULL,
            height bigint,
            headers bigint,
            difficulty double precision,
            transactions bigint,
            size_bytes bigint,
            tip_age_seconds bigint,
            mempool_transactions bigint,
            mempool_bytes bigint,
            PRIMARY KEY (time, node, network)
        );
    END IF;
    IF to_regclass('peer_metrics') IS NULL THEN
        CREATE TABLE peer_metrics (
            time timestamptz NOT NULL,
            node text NOT NULL,
            network text NOT NULL,
            peers integer,
            inbound integer,
            outbound integer,
            bytes_received bigint,
            bytes_sent bigint,
            PRIMARY KEY (time, node, network)
        );
    END IF;
    IF to_regclass('mining_metrics') IS NULL THEN
        CREATE TABLE mining_metrics (
            time timestamptz NOT NULL,
            node text NOT NULL,
            network text NOT NULL,
            hashrate double precision,
            network_hashrate double precision,
            blocks_found bigint,
            PRIMARY KEY (time, node, network)
        );
    END IF;
    -- TimescaleDB brings its own. This one cuts time as that does: widths in months from
    -- 2000-01-01 on, all others from Monday 2000-01-03 on, in UTC.
    IF NOT EXISTS (SELECT FROM pg_proc WHERE proname = 'time_bucket') THEN
        CREATE FUNCTION time_bucket(width interval, at timestamptz) RETURNS timestamptz
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $bucket$
            SELECT CASE
                WHEN months > 0 THEN timezone('UTC', timestamp '2000-01-01' + make_interval(
                    months => (floor(((extract(year FROM utc) - 2000) * 12
                        + extract(month FROM utc) - 1) / months) * months)::integer))
                ELSE to_timestamp(946857600
                    + floor((extract(epoch FROM at) - 946857600) / extract(epoch FROM width))
                        * extract(epoch FROM width))
            END
            FROM (SELECT timezone('UTC', at) AS utc,
                extract(year FROM width) * 12 + extract(month FROM width) AS months) AS cut
        $bucket$;
    END IF;
END
$schema$;
