using System.Net.Sockets;
using Harness.Nbd;

namespace Harness.Run;

/// <summary>Whether a server is ready: it accepts a connection, greets, and takes its leave from one who asks for nothing.</summary>
internal static class NbdGreeting
{
    private const int TimeoutMs = 1000;

    public static bool IsGiven(string text)
    {
        if (!NbdUri.TryParse(text, out var uri, out _))
        {
            return false;
        }
        var unix = uri.Transport == NbdTransport.Unix;
        using var socket = unix
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.ReceiveTimeout = socket.SendTimeout = TimeoutMs;
            if (unix)
            {
                socket.Connect(new UnixDomainSocketEndPoint(uri.SocketPath));
            }
            else
            {
                socket.Connect(uri.Host, uri.Port);
            }
            return Greets(socket);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static bool Greets(Socket socket)
    {
        var greeting = new byte[Greeting.Size];
        for (var had = 0; had < greeting.Length;)
        {
            var more = socket.Receive(greeting, had, greeting.Length - had, SocketFlags.None);
            if (more == 0)
            {
                return false;
            }
            had += more;
        }
        if (!Greeting.Parse(greeting, out var offered).IsOk)
        {
            return false;
        }
        TakeLeave(socket, offered);
        return true;
    }

    // A server that is left without a word may log an error, and that would be the last line that it said.
    private static void TakeLeave(Socket socket, HandshakeFlags offered)
    {
        var leave = new byte[Greeting.AnswerSize + OptionRequest.HeaderSize];
        Greeting.WriteAnswer(leave, Greeting.AnswerTo(offered));
        OptionRequest.WriteHeader(leave.AsSpan(Greeting.AnswerSize), NbdOption.Abort, 0);
        try
        {
            socket.Send(leave);
            socket.Receive(new byte[OptionReply.HeaderSize]);
        }
        catch (SocketException)
        {
            // nbd-server takes its own leave by a reset; it has greeted.
        }
    }
}
