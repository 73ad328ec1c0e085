CREATE SCHEMA kalshi_journal;
CREATE TABLE kalshi_journal.entry (
    seq bigint NOT NULL,
    key text NOT NULL,
    operation text NOT NULL,
    ticker text,
    subaccount integer,
    fingerprint text NOT NULL,
    ticket text NOT NULL,
    state text NOT NULL,
    order_id text,
    verdict text,
    attempts integer NOT NULL,
    owner text NOT NULL,
    created_at bigint NOT NULL,
    sent_at bigint,
    updated_at bigint NOT NULL,
    intent text,
    exchange_time bigint,
    told integer NOT NULL,
    account text NOT NULL,
    CONSTRAINT entry_state_check CHECK ((state = ANY (ARRAY['intent'::text, 'sent'::text, 'unknown'::text, 'acknowledged'::text, 'refused'::text, 'not_sent'::text, 'resolved'::text])))
);
ALTER TABLE kalshi_journal.entry ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME kalshi_journal.entry_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE kalshi_journal.version (
    version integer NOT NULL
);
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (2, 'd70dfe58-e11e-548b-998a-41963a442747', 'CreateOrderV2', 'KXCORPUS-26DEC31-TOLD', NULL, '49db9c5a4319d63fc8006ba805aa7b115cf166c833464cdf6e551d55d6b47237', '{"book_side":"bid","client_order_id":"d70dfe58-e11e-548b-998a-41963a442747","count":"3.00","intent":"corpus/told","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-TOLD","time_in_force":"good_till_canceled"}', 'acknowledged', 'order-told', '{"accepted":{"average_fee":null,"average_fill_price":null,"client_order_id":"d70dfe58-e11e-548b-998a-41963a442747","fill_count":"0.00","order_id":"order-told","reduced_by":null,"remaining_count":"3.00","ticker":"KXCORPUS-26DEC31-TOLD","time":"2026-11-26T13:33:20+00:00"},"raw":{"client_order_id":"d70dfe58-e11e-548b-998a-41963a442747","fill_count":"0.00","order_id":"order-told","remaining_count":"3.00","ts_ms":1795700000000}}', 0, 'bot/22964/77531f3337ec4d25', 1795711880739925, NULL, 1795711880746759, 'corpus/told', NULL, 1, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (3, 'eca0435b-918d-57e7-88be-b6d46c687406', 'CreateOrderV2', 'KXCORPUS-26DEC31-REFUSED', NULL, '6ebf9d297ec5c86774e6afbc124c8b9429295105a387a2760d6a13ec363b1392', '{"book_side":"bid","client_order_id":"eca0435b-918d-57e7-88be-b6d46c687406","count":"3.00","intent":"corpus/refused","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-REFUSED","time_in_force":"good_till_canceled"}', 'refused', NULL, '{"code":"insufficient_balance","error":"BadRequest","message":"orders.place (CreateOrderV2): the exchange answered 400 insufficient_balance: insufficient balance","status":"400"}', 0, 'bot/23026/6726892f4e144068', 1795711883400665, NULL, 1795711883404103, 'corpus/refused', NULL, 1, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (4, '1dbfba13-c3bf-5d15-890a-9718954e3fc4', 'CreateOrderV2', 'KXCORPUS-26DEC31-NOTSENT', NULL, '1aab24e33d66e11b105eda90a1304635662d72225c16ad747a58fff494377608', '{"book_side":"bid","client_order_id":"1dbfba13-c3bf-5d15-890a-9718954e3fc4","count":"3.00","intent":"corpus/not-sent","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-NOTSENT","time_in_force":"good_till_canceled"}', 'not_sent', NULL, '{"error":"NotSent","message":"orders.place (CreateOrderV2): ConnectError: refused"}', 0, 'bot/23156/779cca15ef8a485d', 1795711886527575, NULL, 1795711886542539, 'corpus/not-sent', NULL, 1, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (5, '855f707f-f0d9-56b5-afa2-0e50dd1cf7f8', 'CreateOrderV2', 'KXCORPUS-26DEC31-UNTOLD', NULL, 'c3cff27a1672d58b45d58e0c5828293c8c8465ebebca15f3246ba6d941c2ca2b', '{"book_side":"bid","client_order_id":"855f707f-f0d9-56b5-afa2-0e50dd1cf7f8","count":"3.00","intent":"corpus/untold","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-UNTOLD","time_in_force":"good_till_canceled"}', 'acknowledged', 'order-untold', '{"accepted":{"average_fee":null,"average_fill_price":null,"client_order_id":"855f707f-f0d9-56b5-afa2-0e50dd1cf7f8","fill_count":"0.00","order_id":"order-untold","reduced_by":null,"remaining_count":"3.00","ticker":"KXCORPUS-26DEC31-UNTOLD","time":"2026-11-26T13:33:20+00:00"},"raw":{"client_order_id":"855f707f-f0d9-56b5-afa2-0e50dd1cf7f8","fill_count":"0.00","order_id":"order-untold","remaining_count":"3.00","ts_ms":1795700000000}}', 0, 'bot/23173/a45db595b96148ca', 1795711889893309, NULL, 1795711889928954, 'corpus/untold', NULL, 0, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (6, '6b8165b9-92d9-5a08-905e-cf4fcc928d7e', 'CreateOrderV2', 'KXCORPUS-26DEC31-UNKNOWNABSENT', NULL, 'f8ae74eeb8df2dfa349a48884cd960ec6aeaa5a5e4af8961a98aeb7eaa8987e9', '{"book_side":"bid","client_order_id":"6b8165b9-92d9-5a08-905e-cf4fcc928d7e","count":"3.00","intent":"corpus/unknown-absent","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-UNKNOWNABSENT","time_in_force":"good_till_canceled"}', 'unknown', NULL, NULL, 1, 'bot/23351/ad06065cb0eb44ce', 1795711892479433, 1795711892501833, 1795711892505926, 'corpus/unknown-absent', NULL, 0, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (7, '5bfdb237-9afa-5cde-af12-1c56f0839587', 'CreateOrderV2', 'KXCORPUS-26DEC31-UNKNOWNPRESENT', NULL, '9aaa2fc64820735e08a95cad280ca5ff2a60c064d30e0523e45a9141df38b0ef', '{"book_side":"bid","client_order_id":"5bfdb237-9afa-5cde-af12-1c56f0839587","count":"3.00","intent":"corpus/unknown-present","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-UNKNOWNPRESENT","time_in_force":"good_till_canceled"}', 'unknown', NULL, NULL, 1, 'bot/23378/ddf6c8da674c402e', 1795711894882440, 1795711894897809, 1795711894898592, 'corpus/unknown-present', NULL, 0, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (8, 'cc8c6f07-0156-5db8-aa8f-c292a364248f', 'CreateOrderV2', 'KXCORPUS-26DEC31-RESERVED', NULL, 'f12fe7a0720b2747b5155056a026da17b9bc5535c6a6ab6b1d5e3ab0fbb0b215', '{"book_side":"bid","client_order_id":"cc8c6f07-0156-5db8-aa8f-c292a364248f","count":"3.00","intent":"corpus/reserved","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-RESERVED","time_in_force":"good_till_canceled"}', 'intent', NULL, NULL, 0, 'bot/23385/0ebaf6c26b704711', 1795711897643576, NULL, 1795711897643576, 'corpus/reserved', NULL, 0, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.entry OVERRIDING SYSTEM VALUE VALUES (9, '7e30b198-4f03-5bea-b85c-01e3ef5f5a6c', 'CreateOrderV2', 'KXCORPUS-26DEC31-SENT', NULL, 'd025cd4cad61a073bdf7f582389a504bd6c1454ae76eddbbe6cb88744f4e288e', '{"book_side":"bid","client_order_id":"7e30b198-4f03-5bea-b85c-01e3ef5f5a6c","count":"3.00","intent":"corpus/sent","price":"0.1000","self_trade_prevention":"taker_at_cross","ticker":"KXCORPUS-26DEC31-SENT","time_in_force":"good_till_canceled"}', 'intent', NULL, NULL, 0, 'bot/23392/48df1ac62c3847fa', 1795711900091426, NULL, 1795711900091426, 'corpus/sent', NULL, 0, 'http://localhost:1/trade-api/v2 token:1a98a6634cac7933');
INSERT INTO kalshi_journal.version VALUES (3);
SELECT pg_catalog.setval('kalshi_journal.entry_seq_seq', 9, true);
ALTER TABLE ONLY kalshi_journal.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (seq);
CREATE UNIQUE INDEX entry_intent ON kalshi_journal.entry USING btree (account, intent) WHERE (intent IS NOT NULL);
CREATE UNIQUE INDEX entry_key ON kalshi_journal.entry USING btree (account, key);
CREATE INDEX entry_open ON kalshi_journal.entry USING btree (account, ticker) WHERE (state = ANY (ARRAY['intent'::text, 'sent'::text, 'unknown'::text]));
CREATE INDEX entry_untold ON kalshi_journal.entry USING btree (account) WHERE ((told = 0) AND (state <> ALL (ARRAY['intent'::text, 'sent'::text, 'unknown'::text])));
