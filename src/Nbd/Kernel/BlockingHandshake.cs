using System.Net.Sockets;
using Harness.Io;
using Errno = Harness.Io.Native.Errno;

namespace Harness.Nbd;

/// <summary>
/// A handshake on a socket that is then given away: the kernel's client does none of its own. It asks for simple replies, which are all that the kernel knows,
/// and blocks, so it has no use for a loop.
/// </summary>
internal static class BlockingHandshake
{
    private const int PatienceMs = 30_000;

    /// <summary>Connects and goes as far as the transmission phase.</summary>
    /// <param name="uri">The server and the export.</param>
    /// <param name="export">What the server says of it.</param>
    /// <returns>The socket, the caller's to close.</returns>
    /// <exception cref="NbdClientException">The server is not there, refuses, or breaks the protocol.</exception>
    public static Socket Enter(NbdUri uri, out ExportInfo export)
    {
        Socket socket = Connect(uri);
        try
        {
            using var stream = new NetworkStream(socket, ownsSocket: false) { ReadTimeout = PatienceMs, WriteTimeout = PatienceMs };
            export = Negotiate(stream, uri);
            // What holds for the handshake does not hold for the kernel, which uses the same socket.
            (socket.ReceiveTimeout, socket.SendTimeout) = (0, 0);
            return socket;
        }
        catch (IOException problem) when (problem is not NbdClientException)
        {
            socket.Dispose();
            throw new NbdClientException(Errno.EPROTO, $"{uri}: the server went away in the handshake: {problem.Message}");
        }
        catch (NbdClientException)
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket Connect(NbdUri uri)
    {
        if (!uri.TryCheckConnectable(out string error))
        {
            throw new NbdClientException(Errno.EINVAL, error);
        }

        var socket = uri.Transport == NbdTransport.Unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendBufferSize = Sockets.UnixSendBufferBytes }
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (uri.Transport == NbdTransport.Unix)
            {
                socket.Connect(new UnixDomainSocketEndPoint(uri.SocketPath));
            }
            else
            {
                socket.Connect(uri.Host, uri.Port);
            }

            return socket;
        }
        catch (SocketException problem)
        {
            socket.Dispose();
            throw new NbdClientException(problem.NativeErrorCode, $"cannot connect to {uri}: {problem.Message}; start the server first");
        }
    }

    private static ExportInfo Negotiate(NetworkStream stream, NbdUri uri)
    {
        byte[] message = Read(stream, Greeting.Size);
        Require(uri, Greeting.Parse(message, out HandshakeFlags offered));
        ClientFlags flags = Greeting.AnswerTo(offered);
        byte[] request = new byte[Greeting.AnswerSize + InfoRequest.MaxWrittenBytes];
        Greeting.WriteAnswer(request, flags);
        if (!flags.HasFlag(ClientFlags.FixedNewstyle))
        {
            int named = OptionRequest.WriteExportName(request.AsSpan(Greeting.AnswerSize), uri.ExportName);
            stream.Write(request, 0, Greeting.AnswerSize + named);
            bool noZeroes = flags.HasFlag(ClientFlags.NoZeroes);
            Require(uri, ExportNameReply.Parse(Read(stream, ExportNameReply.Size(noZeroes)), noZeroes, out ExportInfo? plain));
            return plain!;
        }

        int written = new InfoRequest(uri.ExportName, InfoTypes.BlockSize).Write(request.AsSpan(Greeting.AnswerSize), NbdOption.Go);
        stream.Write(request, 0, Greeting.AnswerSize + written);
        var facts = new ExportInfoBuilder();
        while (true)
        {
            Require(uri, OptionReply.Parse(Read(stream, OptionReply.HeaderSize), NbdOption.Go, out OptionReply reply));
            byte[] data = Read(stream, reply.Length);
            if (reply.Type.IsError())
            {
                throw new NbdClientException(Errno.EPROTO, $"the server refuses {uri}: {reply.ErrorText(data)}");
            }

            if (reply.Type == OptionReplyType.Ack)
            {
                Require(uri, facts.Finish(out ExportInfo? export));
                return export!;
            }

            Require(uri, reply.Type == OptionReplyType.Info ? facts.Take(data) : ParseVerdict.Drop($"the server answered GO with {reply.Type.Text()}"));
        }
    }

    private static byte[] Read(NetworkStream stream, int bytes)
    {
        byte[] message = new byte[bytes];
        stream.ReadExactly(message);
        return message;
    }

    private static void Require(NbdUri uri, ParseVerdict verdict)
    {
        if (!verdict.IsOk)
        {
            throw new NbdClientException(Errno.EPROTO, $"{uri}: {verdict.Reason}");
        }
    }
}
