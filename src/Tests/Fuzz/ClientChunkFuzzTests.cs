using System.Buffers.Binary;
using Harness.Io;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>
/// Replies in chunks, as a server may send them and as it may not, cut anywhere: what is good arrives whole, and whatever comes, each request ends once and no
/// byte is written beyond its destination.
/// </summary>
public class ClientChunkFuzzTests
{
    private const int Requests = 6, Bytes = 2000, Guard = 64;

    [Theory]
    [InlineData(ReplyForm.Structured)]
    [InlineData(ReplyForm.Extended)]
    public void GoodRepliesArriveWholeHoweverTheyAreCut(ReplyForm form)
    {
        for (int seed = 0; seed < TestScale.Pick(200, 20_000); seed++)
        {
            using var world = new World(form, seed);
            world.Say(world.Answers());
            world.AssertAllRight($"seed {seed}");
        }
    }

    [Theory]
    [InlineData(ReplyForm.Structured)]
    [InlineData(ReplyForm.Extended)]
    public void BadRepliesEndEachRequestOnceAndTouchNothingElse(ReplyForm form)
    {
        for (int seed = 0; seed < TestScale.Pick(2000, 200_000); seed++)
        {
            using var world = new World(form, seed);
            world.Say(Mutate(new Random(seed + 1), world.Answers()));
            world.HangUp();
            world.AssertEndedOnce($"seed {seed}");
        }
    }

    private static byte[] Mutate(Random random, byte[] bytes)
    {
        uint[] edges = [0, 1, 2, 5, 6, 8, 0x7fff, 0x8001, 0x8002, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];
        for (int change = random.Next(1, 4); change > 0 && bytes.Length > 16; change--)
        {
            int at = random.Next(bytes.Length - 8);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), edges[random.Next(edges.Length)]);
                    break;
                case 2:
                    BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)edges[random.Next(edges.Length)]);
                    break;
                default:
                    bytes = [.. bytes[..at], .. bytes[random.Next(bytes.Length - 8)..]];
                    break;
            }
        }

        return bytes;
    }

    /// <summary>A client in a simulated world with READs in flight; the test is the server.</summary>
    private sealed class World : INbdClientHandler, IClientRequestHandler, IDisposable
    {
        private readonly EventLoop _loop = new(new SimulatedBackend());
        private readonly NativeBuffer _memory = new(Requests * (Bytes + Guard));
        private readonly ClientRequest[] _requests = new ClientRequest[Requests];
        private readonly int[] _ends = new int[Requests];
        private readonly int[] _errors = new int[Requests];
        private readonly byte[] _disk = Wire.Data(99, 100_000);
        private readonly SimulatedTransport _transport;
        private readonly NbdClient _client;
        private readonly ReplyForm _form;
        private readonly Random _random;
        private bool _closed;

        public World(ReplyForm form, int seed)
        {
            _form = form;
            _random = new Random(seed);
            _transport = new SimulatedTransport(_loop, new Cuts(new Random(seed), MaxReceive: 1 + (seed * 37 % 900)));
            _client = new NbdClient(_transport, new NbdClientOptions { Replies = form, MaxInFlight = 8 }, this);
            _client.Start();
            Say([.. Wire.U64(0x4e42444d41474943), .. "IHAVEOPT"u8, .. Wire.U16(3)]);
            Say(OptionReply(form == ReplyForm.Extended ? 11u : 8, 1));
            Say([.. OptionReply(7, 3, [.. Wire.U16(0), .. Wire.U64(100_000), .. Wire.U16(1 | (1 << 7))]), .. OptionReply(7, 1)]);
            Assert.True(_client.IsReady);
            _transport.Forget();
            _memory.Whole.Span.Fill(0xee);
            for (int i = 0; i < Requests; i++)
            {
                _requests[i] = new ClientRequest(this)
                {
                    Command = NbdCommand.Read,
                    Offset = (ulong)((i * 15_000) + _random.Next(10_000)),
                    Length = (ulong)_random.Next(1, Bytes),
                    Tag = i,
                    Destination = _memory.Slice(i * (Bytes + Guard), Bytes),
                };
                _client.Submit(_requests[i]);
            }

            Settle();
        }

        /// <summary>A good answer to every request: pieces of data and holes in any order, chunks of all requests mixed.</summary>
        public byte[] Answers()
        {
            byte[] sent = _transport.Sent;
            int head = _form == ReplyForm.Extended ? 32 : 28;
            var queues = new List<Queue<byte[]>>();
            for (int at = 0; at < sent.Length; at += head)
            {
                queues.Add(new Queue<byte[]>(Reply(BinaryPrimitives.ReadUInt64BigEndian(sent.AsSpan(at + 8)), _requests[at / head])));
            }

            var all = new List<byte>();
            while (queues.Count > 0)
            {
                int next = _random.Next(queues.Count);
                all.AddRange(queues[next].Dequeue());
                if (queues[next].Count == 0)
                {
                    queues.RemoveAt(next);
                }
            }

            return [.. all];
        }

        public void Say(byte[] bytes)
        {
            _transport.Write(bytes);
            Settle();
        }

        public void HangUp()
        {
            _transport.HangUp();
            Settle();
        }

        public void AssertAllRight(string when)
        {
            Assert.True(_ends.All(ends => ends == 1) && _errors.All(error => error == 0) && !_closed, $"{when}: {string.Join(", ", _errors)}");
            for (int i = 0; i < Requests; i++)
            {
                (int offset, int length) = ((int)_requests[i].Offset, (int)_requests[i].Length);
                Assert.True(_disk.AsSpan(offset, length).SequenceEqual(_memory.Slice(i * (Bytes + Guard), length).Span), $"{when}: request {i} differs");
            }

            AssertGuards(when);
        }

        public void AssertEndedOnce(string when)
        {
            Assert.True(_ends.All(ends => ends == 1) && _closed, $"{when}: {string.Join(", ", _ends)}, closed: {_closed}");
            AssertGuards(when);
        }

        public void OnCompleted(ClientRequest request, int error)
        {
            _ends[request.Tag]++;
            _errors[request.Tag] = error;
        }

        public void OnReady(NbdClient client)
        {
        }

        public void OnClosed(NbdClient client, int error, string reason) => _closed = true;

        public void Dispose()
        {
            _client.Drop(32, "the test is over");
            Settle();
            _client.Dispose();
            _memory.Dispose();
            _loop.Dispose();
        }

        private static byte[] OptionReply(uint option, uint type, params byte[] data) =>
            [.. Wire.U64(0x0003e889045565a9), .. Wire.U32(option), .. Wire.U32(type), .. Wire.U32((uint)data.Length), .. data];

        private IEnumerable<byte[]> Reply(ulong cookie, ClientRequest request)
        {
            (int offset, int length) = ((int)request.Offset, (int)request.Length);
            var cuts = new SortedSet<int> { 0, length };
            for (int i = _random.Next(5); i > 0; i--)
            {
                cuts.Add(_random.Next(length));
            }

            int[] at = [.. cuts];
            (int Start, int End)[] pieces = [.. at.Zip(at.Skip(1))];
            _random.Shuffle(pieces);
            bool doneApart = _random.Next(2) == 0;
            for (int i = 0; i < pieces.Length; i++)
            {
                ushort flags = (ushort)(!doneApart && i == pieces.Length - 1 ? 1 : 0);
                (int start, int end) = (offset + pieces[i].Start, offset + pieces[i].End);
                if (_random.Next(3) == 0)
                {
                    _disk.AsSpan(start, end - start).Clear();
                }

                // The requests' ranges do not overlap, so what is cleared here is this answer's alone.
                bool isHole = _random.Next(2) == 0 && !_disk.AsSpan(start, end - start).ContainsAnyExcept((byte)0);
                yield return isHole
                    ? Chunk(cookie, request, flags, 2, Wire.HoleAt((ulong)start, (uint)(end - start)))
                    : Chunk(cookie, request, flags, 1, Wire.DataAt((ulong)start, _disk.AsSpan(start, end - start)));
            }

            if (doneApart)
            {
                yield return Chunk(cookie, request, 1, 0);
            }
        }

        private byte[] Chunk(ulong cookie, ClientRequest request, ushort flags, ushort type, params byte[] payload) => _form == ReplyForm.Extended
            ? Wire.ExtendedChunk(cookie, request.Offset, flags, type, payload)
            : Wire.Chunk(cookie, flags, type, payload);

        private void AssertGuards(string when)
        {
            for (int i = 0; i < Requests; i++)
            {
                int length = (int)_requests[i].Length;
                Span<byte> behind = _memory.Slice((i * (Bytes + Guard)) + length, Bytes + Guard - length).Span;
                Assert.False(behind.ContainsAnyExcept((byte)0xee), $"{when}: something was written behind the destination of request {i}");
            }
        }

        private void Settle()
        {
            for (int quiet = 0; quiet < 3; quiet++)
            {
                long before = _transport.Completions;
                _loop.Post(static () => { });
                _loop.RunOnce();
                quiet = _transport.Completions == before ? quiet : -1;
            }
        }
    }
}
