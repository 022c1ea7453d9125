using System.Net.Sockets;
using Harness.Nbd;

namespace Harness.Tests;

/// <summary>Servers behind the <c>nbd</c> store that keep no protocol: every request ends once, with an error, and nothing else happens.</summary>
public class NbdStoreHostileTests
{
    private const int EIO = 5, ETIMEDOUT = 110;

    public static TheoryData<string> Manners =>
        ["hangs up", "says anything", "answers what nobody asked", "stops in the middle", "answers twice", "greets with anything"];

    [Theory]
    [MemberData(nameof(Manners))]
    public void Every_request_ends_once_with_an_error(string manner)
    {
        using var server = new RudeServer(manner);
        using var world = new BlockWorld(BlockChain.Parse($"nbd:timeout=30ms,{server.Uri}"), "epoll");
        for (int turn = 0; turn < 4; turn++)
        {
            List<BlockWorld.Answer> answers = [.. Enumerable.Range(0, 20).Select(i => i % 3 == 0 ? world.StartWrite(i * 512, new byte[512])
                : world.Start(NbdCommand.Read, i * 512, 512))];
            int[] errors = [.. answers.Select(answer => world.Finish(answer).Error)];
            int served = manner == "answers twice" ? errors.Count(error => error == 0) : 0;
            Assert.InRange(served, 0, 1);
            Assert.Equal(20 - served, errors.Count(error => error is EIO or ETIMEDOUT));
        }

        Assert.NotEmpty(world.Log);
        Assert.All(world.Log, line => Assert.Contains(server.Uri, line, StringComparison.Ordinal));
        world.AssertNothingLeft(listening: 2);
    }

    /// <summary>Says what an export is like everybody else, to the first who asks; whoever comes after meets its manners.</summary>
    private sealed class RudeServer : IDisposable
    {
        private readonly TempDir _folder = new();
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly Thread _serving;
        private readonly string _manner;

        public RudeServer(string manner)
        {
            _manner = manner;
            _listener.Bind(new UnixDomainSocketEndPoint(_folder.File("s")));
            _listener.Listen(64);
            _serving = new Thread(Serve) { IsBackground = true };
            _serving.Start();
        }

        public string Uri => $"nbd+unix:///?socket={_folder.File("s")}";

        public void Dispose()
        {
            _listener.Dispose();
            _serving.Join();
            _folder.Dispose();
        }

        private void Serve()
        {
            try
            {
                for (int count = 0; ; count++)
                {
                    using Socket client = _listener.Accept();
                    Meet(client, isFirst: count == 0);
                }
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private void Meet(Socket client, bool isFirst)
        {
            try
            {
                using var stream = new NetworkStream(client);
                if (!isFirst && _manner == "greets with anything")
                {
                    stream.Write(Wire.Data(1, 1000));
                    return;
                }

                // Without FIXED_NEWSTYLE, so that EXPORT_NAME is all that is asked; then size, flags and zeroes.
                stream.Write([.. "NBDMAGICIHAVEOPT"u8, 0, 0]);
                stream.ReadExactly(new byte[4 + 16]);
                stream.Write([.. Wire.U64(1 << 20), 1, 1, .. new byte[124]]);
                byte[] request = new byte[28];
                stream.ReadExactly(request);
                byte[] good = [.. Wire.U32(0x67446698), 0, 0, 0, 0, .. request[8..16]];
                byte[] data = request[7] == 0 ? new byte[512] : [];
                if (request[7] == 1)
                {
                    stream.ReadExactly(new byte[512]);
                }

                stream.Write(isFirst ? [] : _manner switch
                {
                    "says anything" => Wire.Data(2, 5000),
                    "answers what nobody asked" => [.. good[..8], .. Wire.U64(0x0000_0009_0000_0003), .. data],
                    "stops in the middle" => good[..12],
                    "answers twice" => [.. good, .. data, .. good, .. data],
                    _ => [],
                });
            }
            catch (IOException)
            {
                // The client has had enough.
            }
        }
    }
}
